"""The report: reads scores documents and published figures, renders them; computes no metric."""
