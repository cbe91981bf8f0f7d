"""The reader of Super-NaturalInstructions."""
