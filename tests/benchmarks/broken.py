"""Run a benchmark whose sides differ: `python broken.py NAME`. It has to notice, and to end with 1.

Each function of `BREAKS` changes what one side gives, by so little as a wrong program might.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def change(module: Any, name: str, changed: Callable[[Any], Any]) -> None:
    """Let the function `name` of a module give `changed` of what it gave."""
    function = getattr(module, name)
    setattr(module, name, lambda *arguments, **options: changed(function(*arguments, **options)))


def _without_prefix(rows: Any) -> Any:
    return [dataclasses.replace(row, prefix=row.prefix[-1:]) for row in rows]


def prefix_generation(module: Any) -> None:
    """Our side sees nothing of the shared prefix but its last token."""
    ours = module.ours
    module.ours = lambda loaded, rows, *sizes: ours(loaded, _without_prefix(rows), *sizes)


def prefix_training(module: Any) -> None:
    """TRL starts from an adapter drawn otherwise."""
    module._start_as = lambda model, reference: None


def rouge(module: Any) -> None:
    """One score of ours is the next number."""
    _next_number(module, "tuition")


def _next_number(module: Any, side: str) -> None:
    load = module._SIDES[side]

    def loaded() -> Any:
        scorer = load()
        return lambda pairs: _nudged(scorer(pairs))

    module._SIDES[side] = loaded


def _nudged(scores: list[float]) -> list[float]:
    import math

    return [math.nextafter(scores[0], 2), *scores[1:]]


def scores(module: Any) -> None:
    """One score of the sample is written otherwise, for each scorer in its own way."""
    run = module._in_its_own_process

    def changed(side: str, options: Any) -> Any:
        made = run(side, options)
        if side == "rouge_l":
            made["first"][0] = "0x1.8p+0"
        return made

    module._in_its_own_process = changed


BREAKS: dict[str, Callable[[Any], None]] = {
    "prefix_generation": prefix_generation,
    "prefix_training": prefix_training,
    "rouge": rouge,
    "scores": scores,
}


def main() -> int:
    """Break the benchmark named, run it quickly, and return its exit status."""
    name = sys.argv[1]
    sys.path.insert(0, str(BENCHMARKS))
    module = importlib.import_module(name)
    BREAKS[name](module)
    sys.argv = [name, "--quick", "--json"]
    status: int = module.main()
    return status


if __name__ == "__main__":
    sys.exit(main())
