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
    """Run the command line; a UserError is printed without a traceback, and the exit status is 2."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"tuition: {error}\n")
        sys.exit(2)
    except SystemExit as end:
        if end.code == _STOPPED:  # typer turns a KeyboardInterrupt into this, without a message
            sys.stderr.write("\ntuition: stopped; the same command resumes from what is finished and saved\n")
        raise
