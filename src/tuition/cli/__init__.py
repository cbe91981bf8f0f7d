"""The command line: parse, call one function, print."""

from __future__ import annotations

import sys

from tuition.base.errors import UserError
from tuition.cli.app import app

# isort: off
# Help lists commands in the order in which they are defined.
from tuition.cli import learning, tasks, evaluating
# isort: on

__all__ = ["app", "evaluating", "learning", "main", "tasks"]

_STOPPED = 130


def main() -> None:
    """Run the command line; a user's mistake is told in plain lines and exits with 2."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"tuition: {error}\n")
        sys.exit(2)
    except SystemExit as end:
        if end.code == _STOPPED:  # typer turns a KeyboardInterrupt into this, without a word
            sys.stderr.write("\ntuition: stopped; the same command goes on from what is finished and kept\n")
        raise
