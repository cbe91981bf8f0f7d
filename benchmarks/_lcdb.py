"""The reader of the Learning Curve Database, imported from `scripts/`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import lcdb_curves

__all__ = ["lcdb_curves"]
