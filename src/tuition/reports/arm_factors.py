"""Which factors a study crosses, read from its arms: from what their stages are, or from the parts of their names."""

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
    """Each arm's level of every factor, and the level of each that its others are compared with."""

    arms: dict[str, dict[str, str]]
    references: dict[str, str]

    def without(self, factor: str) -> dict[str, str]:
        """Return each arm whose level of a factor is not the reference, with the arm that has it and all else alike."""
        if factor not in self.references:
            return {}
        arm_of = {tuple(sorted(levels.items())): arm for arm, levels in self.arms.items()}
        made = {}
        for arm, levels in self.arms.items():
            plain = tuple(sorted((levels | {factor: self.references[factor]}).items()))
            if plain in arm_of and arm_of[plain] != arm:
                made[arm] = arm_of[plain]
        return made


def study_design(arms: Sequence[str], stages: Stages, names: Sequence[str] = ()) -> Design:
    """Return the design of arms that are named by comma lists of levels, or that differ in what their stages are.

    The factors of stages are the encodings of those before the last (`pre-finetuning`), and the last one's encoding,
    setting, tuner and recipe; those on which all arms agree are no factors. Where every arm's name has the same number
    of parts divided by commas, the parts are the levels, and a part is called as the factor of stages that divides the
    arms as it does. A factor's reference is its level `none`, or that of arms without pre-finetuning, or the first.

    Args:
        arms: the arms, in their order.
        stages: each arm's stages as `study.json` has them; empty where they are not known.
        names: what the parts of names are called, one by one.

    Raises:
        UserError: neither names nor stages tell factors, or there are not as many names as parts.
    """
    known = _of_stages({arm: stages[arm] for arm in arms}) if all(arm in stages for arm in arms) else {}
    parts = {arm: [part.strip() for part in arm.split(",")] for arm in arms}
    count = len(parts[arms[0]])
    listed = count > 1 and all(len(own) == count for own in parts.values())
    if names and (not listed or len(names) != count):
        found = f"{count} parts" if listed else "no equal number of parts divided by commas"
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
            f"the arms ({shown}) tell no factors; name each by as many parts divided by commas, such as "
            "'none, plain, single-task', or compare them one by one, without --factors"
        )
    if len({tuple(own[arm] for own in factors.values()) for arm in arms}) < len(arms):
        raise UserError(
            f"the factors {', '.join(factors)} do not tell the arms apart; name each arm by as many parts divided by "
            "commas, one for each factor"
        )
    return Design(
        {arm: {name: own[arm] for name, own in factors.items()} for arm in arms},
        {name: _reference(name, own, known) for name, own in factors.items()},
    )


def _of_stages(stages: Stages) -> dict[str, Levels]:
    """Return the factors in which the stages differ; those that divide the arms alike are one, of both names."""
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
    made: dict[str, Levels] = {}
    for name, own in found.items():
        if len(set(own.values())) < 2:
            continue
        alike = next((other for other, those in made.items() if _divide_alike(own, those)), None)
        if alike is None:
            made[name] = own
        else:  # what divides the arms alike cannot be told apart, and is said to be both
            made = {f"{alike} and {name}" if key == alike else key: those for key, those in made.items()}
    return made


def _named(parts: Sequence[Levels], known: Mapping[str, Levels], names: Sequence[str]) -> dict[str, Levels]:
    if names:
        return dict(zip(names, parts, strict=True))
    return {
        next((name for name, own in known.items() if _divide_alike(part, own)), f"part {at}"): part
        for at, part in enumerate(parts, start=1)
    }


def _divide_alike(one: Levels, other: Levels) -> bool:
    pairs = {(one[arm], other[arm]) for arm in one}
    return len(pairs) == len(set(one.values())) == len(set(other.values()))


def _reference(name: str, own: Levels, known: Mapping[str, Levels]) -> str:
    if _NONE in own.values():
        return _NONE
    not_before = [arm for arm, level in known.get(name, {}).items() if level == _NONE]
    return own[not_before[0]] if not_before else next(iter(own.values()))
