"""Trained models after a study: finding, exporting and using them again as they were trained."""
