"""Audio language models of transformers, all through a processor and a chat template; see adapter.py."""
