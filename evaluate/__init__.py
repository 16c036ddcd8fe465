"""Otoscope: hearing tests for audio-language models.

How a sample travels, each arrow a record on disk:

    task ──▶ samples ──▶ model adapter ──▶ prediction log ──▶ metrics ──▶ scores ──▶ report
    tasks/   runner.py   models/           prediction_log.py  metrics/    results.py report/

This package is the harness; `tasks` holds one file per benchmark and `models` one per model family.
"""

__version__ = "0.1.0"
