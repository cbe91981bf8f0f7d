"""The factors that a study crosses, from its arms: from their stages, or from the parts of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tuition.base.errors import UserError, clip

Stages: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
Levels: TypeAlias = dict[str, str]
"""An arm's level of a factor, by arm."""

PRE_FINETUNING, _NONE = "pre-finetuning", "none"


@dataclass(frozen=True, slots=True)
class Design:
    """Each arm's level of every factor, and the reference level of each factor."""

    arms: dict[str, dict[str, str]]
    references: dict[str, str]

    def without(self, factor: str) -> dict[str, str]:
        """Return each arm with a non-reference level of a factor, with the arm that differs only in the reference."""
        if factor not in self.references:
            return {}
        arm_of = {tuple(sorted(levels.items())): arm for arm, levels in self.arms.items()}
        pairs = {}
        for arm, levels in self.arms.items():
            plain = tuple(sorted((levels | {factor: self.references[factor]}).items()))
            if plain in arm_of and arm_of[plain] != arm:
                pairs[arm] = arm_of[plain]
        return pairs


def study_design(arms: Sequence[str], stages: Stages, names: Sequence[str] = ()) -> Design:
    """Return the factorial design of arms, from their names (comma-separated levels) or from their stages.

    The factors of stages are the encodings of the stages before the last (`pre-finetuning`), and the last stage's
    encoding, setting, tuner and recipe, if arms differ in them. If all names have the same number of comma-separated
    parts, the parts are the levels; a part gets the name of the stages' factor that groups the arms in the same way. A
    factor's reference level is `none` if it has that level, or else that of arms without pre-finetuning, or the first.

    Args:
        arms: the arms, in order.
        stages: each arm's stages from `study.json`; empty if unknown.
        names: the names of the parts, in order.

    Raises:
        UserError: neither names nor stages give factors, or the number of names differs from that of parts.
    """
    known = _stage_factors({arm: stages[arm] for arm in arms}) if all(arm in stages for arm in arms) else {}
    parts = {arm: [part.strip() for part in arm.split(",")] for arm in arms}
    count = len(parts[arms[0]])
    listed = count > 1 and all(len(own) == count for own in parts.values())
    if names and (not listed or len(names) != count):
        found = f"{count} parts" if listed else "different numbers of comma-separated parts"
        raise UserError(
            f"--factor: {len(names)} names, but the arms' names have {found}; name each part once, in order"
        )
    if listed:
        factors = _named([{arm: own[at] for arm, own in parts.items()} for at in range(count)], known, names)
    else:
        factors = known
    factors = {name: own for name, own in factors.items() if len(set(own.values())) > 1}
    if not factors:
        shown = ", ".join(repr(clip(arm, 40)) for arm in arms[:4])
        raise UserError(
            f"the arms ({shown}) have no factors; name each with the same number of comma-separated parts, such as "
            "'none, plain, single-task', or compare them one by one, without --factors"
        )
    if len({tuple(own[arm] for own in factors.values()) for arm in arms}) < len(arms):
        raise UserError(
            f"several arms have the same levels of the factors {', '.join(factors)}; name each arm with "
            "comma-separated parts, one for each factor"
        )
    return Design(
        {arm: {name: own[arm] for name, own in factors.items()} for arm in arms},
        {name: _reference(name, own, known) for name, own in factors.items()},
    )


def _stage_factors(stages: Stages) -> dict[str, Levels]:
    """Return the factors in which the stages differ; factors that group the arms in the same way are merged."""
    found: dict[str, Levels] = {
        PRE_FINETUNING: {
            arm: ", then ".join(str(stage["encoding"]) for stage in own[:-1]) or _NONE for arm, own in stages.items()
        },
        "encoding": {arm: str(own[-1]["encoding"]) for arm, own in stages.items()},
        "setting": {
            arm: "cross-task" if own[-1].get("on") == "seen" else str(own[-1].get("setting"))
            for arm, own in stages.items()
        },
        "tuner": {arm: str(own[-1]["recipe"]["tuner"]) for arm, own in stages.items()},
        "recipe": {arm: str(own[-1]["recipe"]["name"]) for arm, own in stages.items()},
    }
    factors: dict[str, Levels] = {}
    for name, own in found.items():
        if len(set(own.values())) < 2:
            continue
        same = next((other for other, those in factors.items() if _same_groups(own, those)), None)
        if same is None:
            factors[name] = own
        else:  # the two factors are confounded, so they become one with both names
            factors = {f"{same} and {name}" if key == same else key: those for key, those in factors.items()}
    return factors


def _named(parts: Sequence[Levels], known: Mapping[str, Levels], names: Sequence[str]) -> dict[str, Levels]:
    if names:
        return dict(zip(names, parts, strict=True))
    return {
        next((name for name, own in known.items() if _same_groups(part, own)), f"part {at}"): part
        for at, part in enumerate(parts, start=1)
    }


def _same_groups(one: Levels, other: Levels) -> bool:
    pairs = {(one[arm], other[arm]) for arm in one}
    return len(pairs) == len(set(one.values())) == len(set(other.values()))


def _reference(name: str, own: Levels, known: Mapping[str, Levels]) -> str:
    if _NONE in own.values():
        return _NONE
    not_before = [arm for arm, level in known.get(name, {}).items() if level == _NONE]
    return own[not_before[0]] if not_before else next(iter(own.values()))
