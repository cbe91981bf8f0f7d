"""Utilities that every other package uses; imports nothing else of Tuition."""
