"""The study's file: its keys, checked whole, with overrides from the command line."""
