"""The sample page of a run: its data, the page itself, served or written as a folder."""
