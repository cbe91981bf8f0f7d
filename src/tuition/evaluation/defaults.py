"""A task's default metrics: ROUGE-L and exact match, those the task names, and accuracy for classification."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from tuition.base.errors import UserError, clip
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.options.closed_set import closed_options
from tuition.evaluation.visibility import cannot_be_seen
from tuition.tasks.types import Instance, Task

ALWAYS = ("rouge_l", "exact_match")
"""The metrics of Super-NaturalInstructions; they score every task whose references they can read."""

XLINGUAL = "rouge_l_xlingual"
"""Replaces ROUGE-L where that cannot read the references, as in Super-NaturalInstructions' cross-lingual track."""

# PromptSource's metric names; those without a counterpart here (AUC, Pearson, Other) are left out.
_PROMPTSOURCE = {
    "accuracy": ("accuracy",),
    "bleu": ("bleu",),
    "rouge": ("rouge_l", "rouge_1"),
    "squad": ("f1_squad", "exact_match_squad"),
    "trivia qa": ("f1_squad", "exact_match_squad"),
    "coqa f1": ("f1_squad",),
}
_ROWS_READ = 500
_KEY = "metrics"


def default_metrics(task: Task, rows: Iterable[Instance] | None = None) -> tuple[str, ...]:
    """Return a task's metrics: ROUGE-L and exact match, those that it names, and accuracy if it is classification.

    Where ROUGE-L cannot read most of the outputs (Chinese, Arabic, Hindi), cross-lingual ROUGE-L comes first instead.

    A task names metrics in a list under the extra key `metrics` of its file (`Task.extra`), or in its templates
    (PromptSource). It is classification if it has options, or if the outputs of its first 500 rows are a closed set;
    pass these as `rows` where they have already been read.

    Raises:
        UserError: the task names an unknown metric.
    """
    outputs = [r.outputs for r in itertools.islice(task.instances() if rows is None else rows, _ROWS_READ)]
    closed = task.options or closed_options(outputs)
    chosen = (*visible_metrics(outputs), *_named(task), *(("accuracy",) if closed else ()))
    return tuple(dict.fromkeys(chosen))


def visible_metrics(references: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return ROUGE-L and exact match, with cross-lingual ROUGE-L where ROUGE-L cannot read most of the references."""
    return (XLINGUAL, *ALWAYS[1:]) if cannot_be_seen(ALWAYS[0], references) else ALWAYS


def _named(task: Task) -> tuple[str, ...]:
    value = task.extra.get(_KEY, ())
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
    if unknown := [str(name) for name in names if name not in METRICS]:
        raise UserError(
            f"task {clip(task.name, 80)} names the unknown metric {clip(unknown[0], 40)!r}; known metrics are "
            f"{', '.join(METRICS)}"
        )
    of_templates = [name.casefold() for template in task.templates for name in template.metrics]
    return (*names, *itertools.chain.from_iterable(_PROMPTSOURCE.get(name, ()) for name in of_templates))
