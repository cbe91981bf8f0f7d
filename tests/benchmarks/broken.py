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


def audit(module: Any) -> None:
    """The exact join misses a pair."""

    def changed(measured: dict[str, Any]) -> dict[str, Any]:
        return {**measured, "found": measured["found"][1:]} if measured["what"] == "exact join" else measured

    change(module, "_child", changed)


def bootstrap(module: Any) -> None:
    """The plain loop draws instances alone, whatever is asked for."""
    loop = module._loop
    module._loop = lambda scores, drawn, rng: loop(scores, ("seeds", "instances"), rng)


def collections(module: Any) -> None:
    """One process of ours gives other rows."""

    def changed(measured: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        measured["tuition"][0]["result"] = "0" * 64
        return measured

    change(module, "_measure", changed)


def evaluation(module: Any) -> None:
    """Options are ranked behind prompts without their prefix."""
    questions = module.option_questions
    module.option_questions = lambda loaded, rows, *more: questions(loaded, _without_prefix(rows), *more)


def forecast(module: Any) -> None:
    """The gains of the peers' fits are a hundredth larger."""
    change(module._forecast_peers, "least_squares", lambda fitted: (fitted[0], 1.01 * fitted[1]))


def quick_learners_figure(module: Any) -> None:
    """Every mean is drawn one unit of the figure too low."""
    change(module, "_y", lambda place: place + 1)


def gpu(module: Any) -> None:
    """The peer learns at a rate that is a tenth higher."""
    training(module)


def training(module: Any) -> None:
    """The peer learns at a rate that is a tenth higher."""
    import _training_sides

    make = _training_sides._trainer

    def trainer(side: str, loaded: Any, tuned: Any, rows: Any, settings: dict[str, Any]) -> Any:
        return make(side, loaded, tuned, rows, {**settings, "learning_rate": 1.1 * settings["learning_rate"]})

    _training_sides._trainer = trainer


BREAKS: dict[str, Callable[[Any], None]] = {
    "audit": audit,
    "bootstrap": bootstrap,
    "collections": collections,
    "evaluation": evaluation,
    "forecast": forecast,
    "gpu": gpu,
    "prefix_generation": prefix_generation,
    "prefix_training": prefix_training,
    "quick_learners_figure": quick_learners_figure,
    "rouge": rouge,
    "scores": scores,
    "training": training,
}
ENOUGH = {
    "bootstrap": ("--studies", "0"),
    "evaluation": ("--what", "ranking", "--tasks", "task001"),
    "gpu": ("--only", "one model", "--peers", "transformers"),
    "training": ("--only", "single-task", "--peers", "transformers"),
}
"""Options by which a benchmark does no more than the part that is broken."""


def main() -> int:
    """Break the benchmark named, run it quickly, and return its exit status."""
    name = sys.argv[1]
    sys.path.insert(0, str(BENCHMARKS))
    # `collections` is the standard library's: that benchmark's code is in another module.
    module = importlib.import_module("_big_collection" if name == "collections" else name)
    BREAKS[name](module)
    sys.argv = [name, "--quick", "--json", *ENOUGH.get(name, ())]
    status: int = module.main("") if name == "collections" else module.main()
    return status


if __name__ == "__main__":
    sys.exit(main())
