"""Answers to the prompts of many tasks and adapters in one batch, each equal to what its task alone would give."""
