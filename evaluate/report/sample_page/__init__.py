"""The sample page of a run: made, served, or written as a folder."""
