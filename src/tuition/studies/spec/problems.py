"""All mistakes in a study's file at once, in plain words, from pydantic's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.models.load import require_local_model
from tuition.splits import divide_tasks
from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH

if TYPE_CHECKING:
    from pydantic import ValidationError

_WANTED = {
    "string_type": "it is a text",
    "string_too_short": "it is not empty",
    "int_type": "it is a whole number",
    "int_parsing": "it is a whole number",
    "int_parsing_size": "it is a whole number",
    "int_from_float": "it is a whole number",
    "float_type": "it is a number",
    "float_parsing": "it is a number",
    "finite_number": "it is a number, and finite",
    "bool_type": "it is true or false",
    "bool_parsing": "it is true or false",
    "tuple_type": "it is a list, such as [a, b]",
    "list_type": "it is a list, such as [a, b]",
    "dict_type": "it is a mapping of keys to values",
    "mapping_type": "it is a mapping of keys to values",
    "model_type": "it is a mapping of keys to values",
    "model_attributes_type": "it is a mapping of keys to values",
    "dataclass_type": "it is a mapping of keys to values",
    "too_short": "it has at least one entry",
    "greater_than_equal": "it is {ge} or more",
    "greater_than": "it is more than {gt}",
    "less_than_equal": "it is {le} or less",
    "less_than": "it is less than {lt}",
    "literal_error": "it is {expected}",
}
"""What would be right, by the type of pydantic's error; its own messages are not shown to users."""

Place = tuple[str | int, ...]


def spec_problems(error: ValidationError, data: Mapping[str, Any], file: Path) -> list[Problem]:
    """Return the mistakes that pydantic found in a study, one problem for each key.

    Args:
        error: what it raised.
        data: what it checked.
        file: the study's file, for the problems' locations.
    """
    found: dict[Place, dict[str, Any]] = {}
    for fault in error.errors(include_url=False):
        place = _place(fault["loc"], data)
        known = found.setdefault(place, {"type": fault["type"], "input": fault.get("input"), "wanted": {}})
        known["wanted"][_wanted(fault)] = None
    # A list without its faulty entries counts as "too short": only the entries' own faults are reported.
    return [
        _problem(place, fault, file)
        for place, fault in found.items()
        if not (fault["type"] == "too_short" and any(other[: len(place)] == place != other for other in found))
    ]


def collection_problems(data: Mapping[str, Any], file: Path) -> list[Problem]:
    """Return the mistakes in the tasks' names, the split and the model of a study that has other mistakes too.

    A value that is itself invalid is not looked up. Nothing is fetched.
    """
    return [
        problem
        for check in (_task_faults, _model_faults)
        for fault in check(data, file)
        for problem in (fault.problems if isinstance(fault, ProblemsError) else [_named(str(fault), file)])
    ]


def _task_faults(data: Mapping[str, Any], file: Path) -> Iterator[UserError]:
    tasks = data.get("tasks")
    chosen = tasks.get("collection") if isinstance(tasks, dict) else None
    if not isinstance(tasks, dict) or not isinstance(chosen, str):
        return
    path = STARTER_PATH if chosen == "starter" else (file.parent / Path(chosen).expanduser()).resolve()
    try:
        collection = open_collection(path)
    except UserError as error:
        yield error
        return
    for key in ("names", "seen"):
        listed = tasks.get(key)
        for name in listed if isinstance(listed, (list, tuple)) else ():
            try:
                collection.full_name(str(name))
            except UserError as error:
                yield error
    split, seed = tasks.get("split"), tasks.get("split_seed", 0)
    if isinstance(split, str) and split and isinstance(seed, int):
        try:
            divide_tasks(collection, split, seed=seed)
        except UserError as error:
            yield error


def _model_faults(data: Mapping[str, Any], _file: Path) -> Iterator[UserError]:
    model = data.get("model")
    if isinstance(model, str) and model and "://" not in model:
        try:
            require_local_model(model)
        except UserError as error:
            yield error


def _named(text: str, file: Path) -> Problem:
    found, _, expected = text.partition("; ")
    return Problem("study-value", found, expected or "correct it", file)


def _place(path: Sequence[str | int], data: object) -> Place:
    """Return the part of pydantic's path that is in the study, without the names of union branches."""
    place: list[str | int] = []
    at: Any = data
    for number, part in enumerate(path):
        if isinstance(at, Mapping):
            place.append(part)
            at = at.get(part)
        elif isinstance(at, (list, tuple)) and isinstance(part, int):
            place.append(part)
            at = at[part] if part < len(at) else None
        elif number == 0:
            place.append(part)
    return tuple(place)


def _wanted(fault: Any) -> str:
    if fault["type"] == "value_error":
        return str(fault["msg"]).removeprefix("Value error, ")
    wanted = _WANTED.get(fault["type"], "it is of another kind")
    context = {name: _number(value) for name, value in (fault.get("ctx") or {}).items()}
    return wanted.format(**context) if "{" in wanted else wanted


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _problem(place: Place, fault: Mapping[str, Any], file: Path) -> Problem:
    name = clip(".".join(map(str, place)) or "study")
    if fault["type"] == "extra_forbidden":
        return Problem("study-key", f"unknown key {name}", "remove it or correct its spelling", file)
    if fault["type"] == "missing":
        return Problem("study-key", f"{name} is missing", "add it", file)
    first, *others = fault["wanted"]
    wanted = " or ".join([first, *(other.removeprefix("it is ") for other in others)])
    # Mistakes of one setting are of one kind, so that a message lists each setting and sums up a hundred arms.
    setting = next((part for part in reversed(place) if isinstance(part, str)), "study")
    return Problem(f"study-value: {setting}", f"{name} is {clip(repr(fault['input']))}", wanted, file)
