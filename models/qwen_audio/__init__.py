"""Qwen-Audio and Qwen-Audio-Chat in plain PyTorch: the released weights, none of the released code."""
