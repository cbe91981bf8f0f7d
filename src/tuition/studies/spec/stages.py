"""A stage of a chain in a study's file: its tasks, their prompts, and how weights are tuned."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from tuition.base.errors import UserError
from tuition.evaluation.baselines import BASELINES
from tuition.models.recipes import RECIPES, Recipe
from tuition.models.tuners import check_tuner
from tuition.prompts.encodings import find_encoding, is_file_name
from tuition.prompts.types import Encoding
from tuition.splits.mixtures import MIXTURES, Mixture


class Strict(BaseModel):
    """A part of a study's file: immutable; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


def _recipe(value: object) -> object:
    """Read a recipe's name, or a mapping of its name and the settings that differ from it."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        return value
    settings = dict(value)
    known = {field.name for field in dataclasses.fields(Recipe)}
    if unknown := sorted(set(settings) - known):
        raise ValueError(f"unknown settings {', '.join(map(str, unknown))}; a recipe has {', '.join(sorted(known))}")
    try:
        return dataclasses.replace(RECIPES[str(settings.pop("name", "small-data"))], **settings)
    except UserError as error:
        raise ValueError(str(error)) from error


def check_encoding(name: str, info: ValidationInfo) -> str:
    """Return the name of an existing encoding; a file's path is relative to the study's own folder.

    Raises:
        ValueError: there is no such encoding, or its file cannot be used.
    """
    folder = (info.context or {}).get("folder")
    if folder is not None and is_file_name(name):
        name = str(Path(folder, Path(name).expanduser()))
    try:
        find_encoding(name)
    except UserError as error:
        raise ValueError(str(error)) from error
    return name


def _heuristic(name: str) -> str:
    try:
        if name:
            BASELINES[name]
    except UserError as error:
        raise ValueError(str(error)) from error
    return name


def _mixture(value: object) -> object:
    """Read a mixture's name, or a mapping of its name and the settings that differ from it."""
    if value is None or isinstance(value, Mixture):
        return value
    settings = {"name": value} if isinstance(value, str) else dict(value) if isinstance(value, dict) else None
    if settings is None or not isinstance(settings.setdefault("name", "proportional"), str):
        raise ValueError(f"name one of {', '.join(MIXTURES)}, alone or with settings that differ: {{name: …, cap: …}}")
    known = {field.name for field in dataclasses.fields(Mixture)}
    try:
        chosen = MIXTURES[settings.pop("name")]
        if unknown := sorted(set(settings) - known):
            raise ValueError(f"unknown settings {', '.join(unknown)}; a mixture has {', '.join(sorted(known))}")
        changes: dict[str, Any] = settings
        if isinstance(changes.get("temperature"), str):  # how JSON holds the infinity that `uniform` is
            changes["temperature"] = float(changes["temperature"])
        return dataclasses.replace(chosen, **changes)
    except UserError as error:
        raise ValueError(str(error)) from error


class Stage(Strict):
    """One stage of training: its tasks, their prompts, and how weights are tuned.

    `setting` is `single-task` (a model for each task), `multi-task` (one model for all, their budgets pooled),
    `in-context` (no weight is tuned: labels are few-shot examples in the prompt, as many as the encoding has) or
    `heuristic` (no model answers: `copy-input`, `copy-example`, `majority-label`, named by `heuristic`). A stage on
    `seen` tasks is multi-task and has `labels` per task; a last stage on unseen tasks has the study's budgets. `start`
    is how it builds on the stage before; `mixture` is how often each of several tasks is sampled, by default every row
    equally often.

    `encoding` is a name or the path of a user's own file; `chat` puts prompts into the model's chat template, and
    `template` names one of a task's templates, for an encoding that uses them.
    """

    encoding: Annotated[str, AfterValidator(check_encoding)] = "input-only"
    chat: bool = False
    template: str = ""
    on: Literal["seen", "unseen"] = "unseen"
    setting: Literal["single-task", "multi-task", "in-context", "heuristic"] = "single-task"
    heuristic: Annotated[str, AfterValidator(_heuristic)] = ""
    labels: Annotated[int, Field(ge=1)] | None = None
    start: Literal["auto", "stack", "merge", "continue"] = "auto"
    mixture: Annotated[Mixture | None, BeforeValidator(_mixture)] = None
    recipe: Annotated[Recipe, BeforeValidator(_recipe)] = RECIPES["small-data"]

    @model_validator(mode="before")
    @classmethod
    def _pooled(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("on") == "seen":
            return {"setting": "multi-task", **data}
        return data

    @model_validator(mode="after")
    def _usable(self) -> Stage:
        if (self.setting == "heuristic") is not bool(self.heuristic):
            raise ValueError("`setting: heuristic` and `heuristic: NAME` belong together")
        if self.on == "seen" and self.setting != "multi-task":
            raise ValueError(f"a stage on seen tasks is multi-task, and this one is {self.setting}")
        if self.on == "seen" and self.labels is None:
            raise ValueError("a stage on seen tasks needs `labels`: how many of each task it trains on")
        if self.setting != "multi-task" and self.mixture is not None:
            raise ValueError(f"a {self.setting} stage has one task at a time, so a mixture has no effect")
        try:
            self.prompt_encoding()
            check_tuner(self.recipe.tuner, self.recipe.tuner_options)
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    def prompt_encoding(self) -> Encoding:
        """Return the encoding of this stage's prompts.

        Raises:
            UserError: it is not known, its file cannot be used, or it uses no templates and one is named.
        """
        encoding = find_encoding(self.encoding)
        if self.template:
            if not encoding.template:
                raise UserError(f"the encoding {encoding.name!r} uses no templates, so `template` has no effect")
            encoding = dataclasses.replace(encoding, name=f"{encoding.name}: {self.template}", template=self.template)
        return encoding.in_chat() if self.chat else encoding
