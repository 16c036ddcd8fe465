"""Qwen-Audio and Qwen-Audio-Chat."""

from models.qwen_audio.tokenizer import QwenTokenizer

__all__ = ["QwenTokenizer"]
