"""A study's YAML file, checked completely before anything is read or trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)

from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.base.textfile import read_short_text
from tuition.base.yamltext import load_yaml
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.remote import is_remote
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.load import FOUR_BIT
from tuition.models.tuners import TUNERS
from tuition.prompts.encodings import find_encoding
from tuition.prompts.types import Encoding
from tuition.splits.label_budget import parse_label_budget
from tuition.studies.spec.evaluation_options import read_decoding, read_probes, read_scoring_rules
from tuition.studies.spec.problems import collection_problems, spec_problems
from tuition.studies.spec.remote import PRECISION, Remote
from tuition.studies.spec.stages import Stage, Strict, check_encoding

_OLD, _NEW = "judge", "evaluate"

STARTER = "starter"
"""The name of the collection inside the package, in place of a path."""


def _known(registry: Any) -> BeforeValidator:
    def check(name: object) -> object:
        if isinstance(name, str):
            try:
                registry[name]
            except UserError as error:
                raise ValueError(str(error)) from error
        return name

    return BeforeValidator(check)


def _budget(value: object) -> object:
    """Read a budget of labels: a count, a percentage of a task's labels, or all of them."""
    try:
        amount = parse_label_budget(value)  # type: ignore[arg-type]  # anything else is refused in words
    except UserError as error:
        raise ValueError(str(error)) from error
    return amount.count if amount.count is not None else str(amount)


def _chain_faults(name: str, stages: Sequence[Stage]) -> Iterator[str]:
    """Yield the mistakes in an arm's chain of stages."""
    arm = f"arm {clip(name)!r}"
    for place, stage in enumerate(stages[:-1], start=1):
        if stage.setting != "multi-task" or stage.labels is None:
            yield f"{arm}: stage {place} has others after it, so it must be `setting: multi-task` with its own `labels`"
    if stages[-1].on == "unseen" and stages[-1].labels is not None:
        yield f"{arm}: the last stage has the study's budgets; remove its own `labels`"
    if stages[0].start != "auto":
        yield f"{arm}: the first stage starts with the base model; remove `start`"


def with_new_keys(data: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a study with its current keys: the old key `judge` is read as `evaluate`.

    Raises:
        ProblemsError: it has both.
    """
    if _OLD not in data:
        return data
    if _NEW in data:
        raise ProblemsError([Problem("study-key", f"it has both {_OLD} and {_NEW}", f"keep {_NEW}", path)])
    return {_NEW if key == _OLD else key: value for key, value in data.items()}


def _refuse_repeats(values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{', '.join(map(str, values))}: a number is given twice; give each once")


class TaskChoice(Strict):
    """Which tasks: a collection's path (or `starter`), and names in it; all of its tasks where none is named.

    Models are evaluated on `names`; stages on seen tasks train on `seen`. `split` divides the collection's tasks into
    both, as `tuition split --by` does (`list=default`, `category=Title Generation`); names then choose among them.
    `order` is whether test rows and labels are sampled by seed or taken in the file's order; `stratified` whether each
    budget has the answers in the same proportions as all labels; `over` whether a task that is too small is refused or
    gives the rows it has; `shared_inputs` whether training rows with a test input of another task are dropped or only
    reported.
    """

    collection: str
    names: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    split: str = ""
    split_seed: int = 0
    order: Literal["seeded", "file"] = "seeded"
    stratified: bool = False
    over: Literal["strict", "capped"] = "strict"
    shared_inputs: Literal["report", "drop"] = "report"


class Evaluate(Strict):
    """How models are evaluated: held-out rows, metrics, and decoding.

    Without `metrics` each task is scored by ROUGE-L and exact match, by the metrics that it names itself, and by
    accuracy if it is a classification. `rank` scores the options of tasks that have any, by these scoring rules, each a
    metric (`rank_sum`); with an empty list of metrics no answer is generated and options are only ranked. `decoding` is
    how answers are decoded; greedily by default.

    `new_tokens: auto` allows one and a half times the longest answer among the validation rows and positive examples.
    `encoding` prompts every arm in one encoding, whatever it was trained with (Tk-Instruct's matrix of encodings).
    `probes` also evaluate every model on its tasks prompted differently, each as an arm of its own (`other-wording`,
    `reordered-examples`); `all` are all possible ones.
    """

    test: Annotated[int, Field(ge=1)] = 100
    validation: Annotated[int, Field(ge=0)] = 10
    metrics: tuple[Annotated[str, _known(METRICS)], ...] | None = None
    rank: Annotated[tuple[str, ...], BeforeValidator(read_scoring_rules)] = ()
    decoding: Annotated[Decoding, WrapValidator(read_decoding)] = GREEDY
    new_tokens: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    encoding: Annotated[str, AfterValidator(check_encoding)] | None = None
    probes: Annotated[tuple[str, ...], BeforeValidator(read_probes)] = ()

    @model_validator(mode="after")
    def _has_metrics(self) -> Evaluate:
        if self.metrics == () and not self.rank:
            raise ValueError("an empty list of metrics leaves nothing to evaluate; name some, or give `rank: all`")
        if self.metrics == () and self.decoding != GREEDY:
            raise ValueError("no answer is generated where options are only ranked, so `decoding` has no effect")
        return self

    def prompt_encoding(self) -> Encoding | None:
        """Return the encoding of every arm's test prompts; None where it is the one of its training."""
        return None if self.encoding is None else find_encoding(self.encoding)


class StudySpec(Strict):
    """One experiment: tasks, model, arms, label budgets, seeds and evaluation.

    An arm is a chain of stages, such as pre-finetuning on seen tasks and then fine-tuning on unseen ones. A chain that
    ends on seen tasks is evaluated on the unseen ones without any of their labels (cross-task). Budgets are labels per
    task in the last stage: counts, percentages of a task's labels (`6%`) or `all`; they are nested.

    `adapters_at_once` is the most models that are trained together on one base, where their steps allow it; it decides
    no result. With 1 every step runs alone; `auto` lets the device decide.

    `model` may be a remote one, `openai:NAME@URL`, which is evaluated and not tuned; `remote` configures its requests.
    """

    study: Annotated[str, Field(min_length=1)]
    tasks: TaskChoice
    model: Annotated[str, Field(min_length=1)] = "smollm2-135m"
    precision: Literal["auto", "float32", "bfloat16", "nf4"] = "auto"
    arms: Annotated[dict[str, Annotated[tuple[Stage, ...], Field(min_length=1)]], Field(min_length=1)]
    labels: Annotated[tuple[Annotated[int | str, BeforeValidator(_budget)], ...], Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)
    evaluate: Evaluate = Evaluate()
    remote: Remote = Remote()
    adapters_at_once: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"

    @field_validator("arms")
    @classmethod
    def _chains(cls, arms: dict[str, tuple[Stage, ...]]) -> dict[str, tuple[Stage, ...]]:
        if faults := [fault for name, stages in arms.items() for fault in _chain_faults(name, stages)]:
            raise ValueError("; ".join(faults))
        return arms

    @field_validator("labels")
    @classmethod
    def _budgets(cls, values: tuple[int | str, ...]) -> tuple[int | str, ...]:
        _refuse_repeats(values)
        # Counts first, then shares: within either, the smaller is a part of the larger.
        return tuple(
            sorted(values, key=lambda value: (isinstance(value, str), parse_label_budget(value).of(1_000_000)))
        )

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        _refuse_repeats(values)
        return tuple(sorted(values))

    @model_validator(mode="after")
    def _remote_is_valid(self) -> StudySpec:
        check_remote(self)  # a UserError, which bypasses pydantic: that repeats its input, which may contain a secret
        return self

    @model_validator(mode="after")
    def _four_bit_weights_are_frozen(self) -> StudySpec:
        if self.precision == FOUR_BIT:
            for name, stages in self.arms.items():
                for place, stage in enumerate(stages, start=1):
                    if not TUNERS[stage.recipe.tuner].fits_four_bits or stage.start == "merge":
                        others = " or ".join(other for other in TUNERS if TUNERS[other].fits_four_bits)
                        raise ValueError(
                            f"arm {clip(name)!r}: stage {place} cannot be tuned with four-bit weights, which "
                            f"are frozen: use the tuner {others}, and `stack`; or precision bfloat16"
                        )
        return self

    @property
    def most_labels(self) -> int:
        """The largest budget that is a count; every task must have as many labels."""
        return max((value for value in self.labels if isinstance(value, int)), default=0)


def check_remote(spec: StudySpec) -> None:
    """Refuse settings that a remote model does not support, before any request.

    Raises:
        UserError: the model's name or a setting is not valid, weights would be tuned, or beam search is requested; or
            the study configures a remote model and has none.
    """
    if not is_remote(spec.model):
        if spec.remote != Remote():
            raise UserError("`remote` configures a remote model, and `model` is not one (openai:NAME@URL)")
        return
    spec.remote.endpoint(spec.model)
    spec.remote.ledger()
    labelled = spec.labels != (0,)
    if tuned := [name for name, stages in spec.arms.items() if _tunes(stages, labelled)]:
        raise UserError(
            f"a remote model cannot be tuned, and {', '.join(tuned)} would tune it: use `setting: in-context` or "
            "`heuristic`, or `labels: [0]`"
        )
    if spec.evaluate.decoding.beams > 1:
        raise UserError(
            f"beam search ({spec.evaluate.decoding.beams} beams) is not possible with a remote model; use one beam, or "
            "a temperature"
        )
    if spec.precision != "auto":
        raise UserError(f"a remote model computes in {PRECISION}; remove `precision`")


def _tunes(stages: Sequence[Stage], labelled: bool) -> bool:
    one = stages[0]
    learns = one.setting in ("single-task", "multi-task") and labelled
    return len(stages) > 1 or one.on == "seen" or learns


def read_study(
    path: Path, change: Callable[[object], object] = lambda data: data, place: Path | None = None
) -> StudySpec:
    """Read and check a study's file; a relative collection path starts in the file's own folder.

    Args:
        path: the file.
        change: called with the file's content; returns what is checked.
        place: the path in error messages, from whose folder relative paths start, if not the file's own.

    Raises:
        UserError: the file cannot be read or is not valid YAML.
        ProblemsError: unknown keys or wrong values, all of them together.
    """
    data = load_yaml(read_short_text(path, "a study's YAML file"), path)
    place = place or path
    spec = parse_study(change(data), place)
    collection = Path(spec.tasks.collection).expanduser()
    if spec.tasks.collection == STARTER or collection.is_absolute():
        return spec
    absolute = str((place.parent / collection).resolve())
    return spec.model_copy(update={"tasks": spec.tasks.model_copy(update={"collection": absolute})})


def parse_study(data: object, path: Path) -> StudySpec:
    """Check a study that was read from `path`.

    Raises:
        ProblemsError: unknown keys or wrong values, all of them together.
    """
    if not isinstance(data, dict):
        raise ProblemsError([Problem("study", "is not a mapping", "a study has keys such as study, tasks, arms", path)])
    data = with_new_keys(data, path)
    try:
        return StudySpec.model_validate(data, context={"folder": path.parent.resolve()})
    except ValidationError as error:
        found = [*spec_problems(error, data, path), *collection_problems(data, path)]
        raise ProblemsError(found) from None
