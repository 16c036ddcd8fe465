"""Nano: a Qwen-Audio of three million parameters that comes with Otoscope, and how it was trained.

adapter.py    the model, for the runner
checkpoint/   shape, vocabulary and weights, with the model card
training/     how they were made, from clips of `tasks.synthesis.training`
"""
