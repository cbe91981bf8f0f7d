"""A folder that already contains a study: whether another run may resume there, and what the report then shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tuition.base.errors import UserError, clip
from tuition.studies.spec.study import STARTER, StudySpec, parse_study

_FREE = ("study", "arms", "labels", "seeds", "remote", "adapters_at_once")
"""Keys of a study that may differ between runs in a folder: the folder combines them, or they decide no result."""


@dataclass(frozen=True, slots=True)
class Continued:
    """The study that a folder's report shows: the requested one, combined with the folder's other arms and points.

    `notes` describe results of an earlier form of the study in the folder, which the report omits.
    """

    spec: StudySpec
    notes: tuple[str, ...] = ()


def continued(text: str | None, spec: StudySpec, folder: Path) -> Continued:
    """Return what a folder's report shows when a study is run there.

    Args:
        text: the folder's `study.json`; None where there is none.
        spec: the requested study.
        folder: the folder, for messages.

    Raises:
        UserError: the folder contains another study: another name, model or collection.
    """
    if text is None:
        return Continued(spec)
    try:
        stored = parse_study(orjson.loads(text), folder / "study.json")
    except (orjson.JSONDecodeError, UserError):
        return Continued(spec, (f"{folder / 'study.json'} is not a readable study, and is written again",))
    if differing := _other_study(stored, spec):
        raise UserError(f"{folder}: contains another study ({'; '.join(differing)}); choose another folder with --out")
    settings, arms = _changed_settings(stored, spec), _changed_arms(stored, spec)
    notes: tuple[str, ...] = ()
    if settings or arms:
        notes = (
            f"the study was changed since it was last run here ({', '.join([*settings, *arms])}): results under the "
            "old settings stay in the store, and the report and scores.csv omit them",
        )
    # A changed setting decides the results of all arms; a changed arm only its own.
    return Continued(spec if settings else _joined(stored, spec), notes)


def require_no_other_results(folder: Path) -> None:
    """Check that a run replaces no file that does not belong to a study.

    Raises:
        UserError: the folder has a file of results, and neither a store nor a study.
    """
    if any((folder / name).is_file() for name in ("store.sqlite", "study.json")):
        return
    for name in ("report.html", "scores.csv", "probes.csv"):
        if (folder / name).exists():
            raise UserError(f"{folder}: has a {name} that belongs to no study there; move it, or choose another folder")


def _other_study(stored: StudySpec, spec: StudySpec) -> list[str]:
    """Return the differences that make a study another than the folder's, not only an edited or wider one."""
    parts = (
        ("study", stored.study, spec.study),
        ("model", stored.model, spec.model),
        ("collection", stored.tasks.collection, spec.tasks.collection),
    )
    return [
        f"its {name} is {clip(was, 60)!r}, not {clip(now, 60)!r}"
        for name, was, now in parts
        # A collection that is no longer there has been moved; its tasks are identified by their content.
        if was != now and not (name == "collection" and was != STARTER and not Path(was).exists())
    ]


def _changed_settings(stored: StudySpec, spec: StudySpec) -> list[str]:
    """Return the differing settings that decide the results of all arms."""
    was, now = (one.model_dump() for one in (stored, spec))
    return [
        f"{name}.{key}" if isinstance(was[name], dict) else name
        for name in was
        if name not in _FREE and was[name] != now[name]
        for key in (_differing(was[name], now[name]) if isinstance(was[name], dict) else [""])
        if key not in ("names", "seen", "collection")
    ]


def _changed_arms(stored: StudySpec, spec: StudySpec) -> list[str]:
    """Return the arms of both studies that differ."""
    return [f"arm {clip(arm, 60)!r}" for arm in stored.arms if spec.arms.get(arm, stored.arms[arm]) != stored.arms[arm]]


def _differing(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [key for key in was if was[key] != now.get(key)]


def _joined(stored: StudySpec, spec: StudySpec) -> StudySpec:
    """Return the study with all arms, budgets, seeds and tasks of both, those of the folder first."""
    names = () if not stored.tasks.names or not spec.tasks.names else _union(stored.tasks.names, spec.tasks.names)
    seen = () if not stored.tasks.seen or not spec.tasks.seen else _union(stored.tasks.seen, spec.tasks.seen)
    data = spec.model_dump() | {
        "arms": {**stored.arms, **spec.arms},
        "labels": _union(stored.labels, spec.labels),
        "seeds": _union(stored.seeds, spec.seeds),
    }
    data["tasks"] = data["tasks"] | {"names": names, "seen": seen}
    joined = StudySpec.model_validate(data)
    return spec if _same(joined, spec) else joined


def _same(one: StudySpec, other: StudySpec) -> bool:
    """Whether two studies have the same points, in any order of their arms."""
    return one.model_dump() == other.model_dump() and set(one.arms) == set(other.arms)


def _union(first: Iterable[Any], second: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*first, *second]))
