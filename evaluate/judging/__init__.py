"""Judging open answers: what a judge is asked (rubrics), the model that is asked, and what it said, kept in a log."""
