"""The tiny study, for commands that watch one."""

from tests.studies.conftest import tiny_study

__all__ = ["tiny_study"]
