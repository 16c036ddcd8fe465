"""Models behind servers that speak OpenAI's interface: chat completions with audio, and transcriptions.

`settings` is what people may say of a server; `connection` keeps to the server's limits, asks again where that can help
and keeps the key out of everything; `answers` reads what comes back; `adapter` is what both kinds of model have in
common; `chat` and `transcription` say what is asked, and what of the answer counts.
"""
