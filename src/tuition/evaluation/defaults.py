"""Which metrics a task is judged by where nobody says: the papers' two, its own, and accuracy if it classifies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from tuition.base.errors import UserError, clip
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.options.closed_set import closed_options
from tuition.evaluation.visibility import cannot_be_seen
from tuition.tasks.types import Instance, Task

ALWAYS = ("rouge_l", "exact_match")
"""The metrics of Super-NaturalInstructions, by which every task is evaluated whose answers they can see."""

XLINGUAL = "rouge_l_xlingual"
"""What leads where ROUGE-L cannot see the answers, as in the cross-lingual track of Super-NaturalInstructions."""

# PromptSource's names of metrics; those that it knows and we have nothing like (AUC, Pearson, Other) are left out.
_PROMPTSOURCE = {
    "accuracy": ("accuracy",),
    "bleu": ("bleu",),
    "rouge": ("rouge_l", "rouge_1"),
    "squad": ("f1_squad", "exact_match_squad"),
    "trivia qa": ("f1_squad", "exact_match_squad"),
    "coqa f1": ("f1_squad",),
}
_ROWS_LOOKED_AT = 500
_KEY = "metrics"


def default_metrics(task: Task, rows: Iterable[Instance] | None = None) -> tuple[str, ...]:
    """Return the metrics of a task: ROUGE-L and exact match, those that it names itself, and accuracy if it classifies.

    Where ROUGE-L cannot see most of the outputs (Chinese, Arabic, Hindi), cross-lingual ROUGE-L leads in its place.

    A task names metrics by a list under `metrics` of what its file says besides (`Task.extra`), or by its templates'
    (PromptSource). It classifies if it has options or if the outputs of its first 500 rows are a closed set; `rows` are
    these, where they have been read already.

    Raises:
        UserError: the task names a metric that there is not.
    """
    outputs = [r.outputs for r in itertools.islice(task.instances() if rows is None else rows, _ROWS_LOOKED_AT)]
    closed = task.options or closed_options(outputs)
    chosen = (*visible_metrics(outputs), *_named(task), *(("accuracy",) if closed else ()))
    return tuple(dict.fromkeys(chosen))


def visible_metrics(references: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return ROUGE-L and exact match; cross-lingual ROUGE-L leads where ROUGE-L cannot see most of the references."""
    return (XLINGUAL, *ALWAYS[1:]) if cannot_be_seen(ALWAYS[0], references) else ALWAYS


def _named(task: Task) -> tuple[str, ...]:
    told = task.extra.get(_KEY, ())
    names = [told] if isinstance(told, str) else list(told) if isinstance(told, (list, tuple)) else []
    if unknown := [str(name) for name in names if name not in METRICS]:
        raise UserError(
            f"task {clip(task.name, 80)} names the metric {clip(unknown[0], 40)!r}; there are {', '.join(METRICS)}"
        )
    of_templates = [name.casefold() for template in task.templates for name in template.metrics]
    return (*names, *itertools.chain.from_iterable(_PROMPTSOURCE.get(name, ()) for name in of_templates))
