"""The starter collection: ten small tasks in Super-NaturalInstructions' format that come with the package."""

from pathlib import Path

STARTER_PATH: Path = Path(__file__).resolve().parent
"""The folder that holds `tasks/` and `splits/`, as every reader of collections takes it."""
