"""A folder that already holds a study: whether another run may go on there, and what the report then shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tuition.base.errors import UserError, clip
from tuition.studies.spec.study import STARTER, StudySpec, parse_study

_FREE = ("study", "arms", "labels", "seeds", "remote", "adapters_at_once")
"""Parts of a study of which a folder may hold more than one run asks for, or that decide no result."""


@dataclass(frozen=True, slots=True)
class Continued:
    """The study that a folder's report shows: what is asked for, and all that the folder holds besides of the same.

    `notes` say what the folder holds of an earlier form of the study, which the report leaves out.
    """

    spec: StudySpec
    notes: tuple[str, ...] = ()


def continued(text: str | None, spec: StudySpec, folder: Path) -> Continued:
    """Return what a folder's report shows when a study is run there.

    Args:
        text: the folder's `study.json`; None where there is none.
        spec: the study that is asked for.
        folder: the folder, for messages.

    Raises:
        UserError: the folder holds another study: another name, model or collection.
    """
    if text is None:
        return Continued(spec)
    try:
        held = parse_study(orjson.loads(text), folder / "study.json")
    except (orjson.JSONDecodeError, UserError):
        return Continued(spec, (f"{folder / 'study.json'} is no study that can be read, and is written again",))
    if differing := _other_study(held, spec):
        raise UserError(f"{folder}: holds another study ({'; '.join(differing)}); choose another folder with --out")
    settings, arms = _changed_settings(held, spec), _changed_arms(held, spec)
    notes: tuple[str, ...] = ()
    if settings or arms:
        notes = (
            f"the study was changed since it was last run here ({', '.join([*settings, *arms])}): results under the "
            "old settings stay in the store, and the report and scores.csv leave them out",
        )
    # A changed setting decides the results of all arms; a changed arm only its own.
    return Continued(spec if settings else _joined(held, spec), notes)


def require_no_other_results(folder: Path) -> None:
    """Make sure that what a run writes replaces no file of something else.

    Raises:
        UserError: the folder has a file of results, and neither a store nor a study that it could be of.
    """
    if any((folder / name).is_file() for name in ("store.sqlite", "study.json")):
        return
    for name in ("report.html", "scores.csv", "probes.csv"):
        if (folder / name).exists():
            raise UserError(f"{folder}: has a {name} that is of no study there; move it, or choose another folder")


def _other_study(held: StudySpec, spec: StudySpec) -> list[str]:
    """Return in what a study is another than the one that a folder holds, not only an edited or wider one."""
    parts = (
        ("study", held.study, spec.study),
        ("model", held.model, spec.model),
        ("collection", held.tasks.collection, spec.tasks.collection),
    )
    return [
        f"its {name} is {clip(was, 60)!r}, not {clip(now, 60)!r}"
        for name, was, now in parts
        # A collection that is no longer where it was has been moved; its tasks are known by their content.
        if was != now and not (name == "collection" and was != STARTER and not Path(was).exists())
    ]


def _changed_settings(held: StudySpec, spec: StudySpec) -> list[str]:
    """Return which settings differ that decide the results of all arms."""
    was, now = (one.model_dump() for one in (held, spec))
    return [
        f"{name}.{key}" if isinstance(was[name], dict) else name
        for name in was
        if name not in _FREE and was[name] != now[name]
        for key in (_differing(was[name], now[name]) if isinstance(was[name], dict) else [""])
        if key not in ("names", "seen", "collection")
    ]


def _changed_arms(held: StudySpec, spec: StudySpec) -> list[str]:
    """Return which arms of both differ."""
    return [f"arm {clip(arm, 60)!r}" for arm in held.arms if spec.arms.get(arm, held.arms[arm]) != held.arms[arm]]


def _differing(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [key for key in was if was[key] != now.get(key)]


def _joined(held: StudySpec, spec: StudySpec) -> StudySpec:
    """Return the study with all arms, budgets, seeds and tasks of both, those that were there before first."""
    names = () if not held.tasks.names or not spec.tasks.names else _union(held.tasks.names, spec.tasks.names)
    seen = () if not held.tasks.seen or not spec.tasks.seen else _union(held.tasks.seen, spec.tasks.seen)
    data = spec.model_dump() | {
        "arms": {**held.arms, **spec.arms},
        "labels": _union(held.labels, spec.labels),
        "seeds": _union(held.seeds, spec.seeds),
    }
    data["tasks"] = data["tasks"] | {"names": names, "seen": seen}
    joined = StudySpec.model_validate(data)
    return spec if _same(joined, spec) else joined


def _same(one: StudySpec, other: StudySpec) -> bool:
    """Whether two studies have the same points, in whatever order their arms are."""
    return one.model_dump() == other.model_dump() and set(one.arms) == set(other.arms)


def _union(first: Iterable[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*first, *second]))
