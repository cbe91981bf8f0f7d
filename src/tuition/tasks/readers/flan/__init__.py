"""The reader of FLAN-style clusters."""
