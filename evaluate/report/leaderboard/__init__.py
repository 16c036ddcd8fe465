"""The leaderboard: `board.py` makes it, the other files write it, each in one format."""
