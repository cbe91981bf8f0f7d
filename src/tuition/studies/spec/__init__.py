"""The study's YAML file: its keys and checks, and overrides from the command line."""
