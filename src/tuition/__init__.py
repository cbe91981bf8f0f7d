"""Tuition: instruction tuning, and what it costs in labels."""

__version__ = "0.1.0"
