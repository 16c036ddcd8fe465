"""What the harness costs, side by side in one run with what a user would take instead: `make bench`.

Ratios count, not absolute times: the two sides take turns, and each ratio is the median of those of the pairs. Peers
with dependencies of their own live in `.venv-peers`, and report their own seconds, without their imports; Hugging
Face's `evaluate`, which comes with one of them, must never stand beside ours.
"""
