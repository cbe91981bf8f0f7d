"""`python -m tuition` is the command `tuition`; launchers start it so."""

import sys

from tuition.cli import main

_DISTRIBUTED = "tuition.training.distributed"


def _run() -> None:
    try:
        main()
    except SystemExit as end:
        together = sys.modules.get(_DISTRIBUTED)
        if together is not None and together.launched() and (end.code is None or isinstance(end.code, int)):
            together.end_process(end.code or 0)
        raise


if __name__ == "__main__":
    _run()
