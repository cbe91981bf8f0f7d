"""`tuition learn`: train in any setting without a study file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import UserError, clip
from tuition.models.recipes import RECIPES
from tuition.models.tuners import TUNERS
from tuition.studies.spec.study import STARTER, StudySpec, parse_study

_RECIPE = "small-data"
_SETTINGS = ("single-task", "multi-task", "cross-task", "in-context")


@dataclass(frozen=True, slots=True)
class LearnChoice:
    """The arguments of `tuition learn`. `seen` labels of each seen task are trained on first, 0 for none."""

    path: Path
    tasks: tuple[str, ...]
    labels: tuple[int | str, ...]
    setting: str
    encodings: tuple[str, ...]
    tuner: str
    recipe: str
    model: str | None
    split: str
    seen: int
    test: int
    validation: int
    seeds: tuple[int, ...]
    order: str
    capped: bool
    rank: bool = False
    drop_shared: bool = False


def learn_study(choice: LearnChoice) -> StudySpec:
    """Return the study that the choice describes: one arm for each encoding.

    Raises:
        UserError: a name is unknown, or the arguments contradict each other.
    """
    if choice.setting not in _SETTINGS:
        raise UserError(f"--setting {clip(choice.setting)!r} is not known; use {', '.join(_SETTINGS)}")
    if (choice.setting == "cross-task" or choice.seen) and not choice.split:
        raise UserError(
            "training on seen tasks needs --split, which sets which tasks are seen: `list=default`, "
            "`category=Title Generation`, `task=task1344`, `random`"
        )
    if choice.setting == "cross-task" and not choice.seen:
        raise UserError("--setting cross-task needs --seen-labels: how many labels of each seen task to train on")
    recipe = _recipe(choice.recipe, choice.tuner)
    if choice.setting in ("single-task", "multi-task") and not choice.seen and choice.labels == (0,):
        raise UserError(
            "--labels 0 trains nothing; add a budget (0,16,64), or evaluate the untrained model with `tuition evaluate`"
        )
    arms = {encoding: _stages(choice, encoding, recipe) for encoding in choice.encodings}
    data = {
        "study": f"learn {choice.path.name}",
        "tasks": {
            "collection": STARTER if str(choice.path) == STARTER else str(choice.path.expanduser().resolve()),
            "names": list(choice.tasks),
            "split": choice.split,
            "order": choice.order,
            "over": "capped" if choice.capped else "strict",
            "shared_inputs": "drop" if choice.drop_shared else "report",
        },
        "arms": arms,
        "labels": list(choice.labels) if choice.setting != "cross-task" else [0],
        "seeds": list(choice.seeds),
        "evaluate": {"test": choice.test, "validation": choice.validation, "rank": choice.rank},
    }
    if choice.model is not None:
        data["model"] = choice.model
    return parse_study(data, Path("--"))


def _recipe(name: str, tuner: str) -> str | dict[str, str]:
    """Return the recipe that is named, or the one that goes with the tuner, as a study's file has it.

    Raises:
        UserError: there is no such recipe or tuner, or the two contradict each other.
    """
    if not tuner:
        return RECIPES[name or _RECIPE].name
    usual = TUNERS[tuner].recipe
    own = RECIPES[name or usual]
    if own.tuner == tuner:
        return own.name
    if name:
        raise UserError(f"--recipe {name} uses the tuner {own.tuner}, not --tuner {tuner}; give one of them")
    return {"name": usual, "tuner": tuner}


def _stages(choice: LearnChoice, encoding: str, recipe: str | dict[str, str]) -> list[dict[str, object]]:
    last: dict[str, object] = {"encoding": encoding, "recipe": recipe, "setting": choice.setting}
    first: dict[str, object] = {"on": "seen", "labels": choice.seen, "encoding": encoding, "recipe": recipe}
    stages: Sequence[dict[str, object]] = [first] if choice.setting == "cross-task" else [last]
    return [first, *stages] if choice.seen and choice.setting != "cross-task" else list(stages)
