"""The starter collection: ten small tasks in Super-NaturalInstructions' format that are part of the package."""

from pathlib import Path

STARTER_PATH: Path = Path(__file__).resolve().parent
"""The folder with `tasks/` and `splits/`, to open like any collection."""
