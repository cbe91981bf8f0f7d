"""The version of this package, which is recorded in results."""

__version__ = "0.1.0"
