"""Metrics: pure functions that score a prediction against its accepted references; no model and no torch.

To add a metric, write a file that defines a `Metric` and register it below with `METRICS.add`. A metric that needs
token vectors defines a function from an embedder to a `Metric`, registered in `EMBEDDER_METRICS`.
"""

from collections.abc import Callable
from typing import Any

from tuition.base.registry import Registry
from tuition.evaluation.metrics.exact import exact_match, exact_match_many
from tuition.evaluation.metrics.metric import Corpus, Metric, Profile
from tuition.evaluation.metrics.rouge import rouge_l, rouge_l_many

METRICS: Registry[Metric] = Registry("metric", plugins="tuition.metrics")
METRICS.add("rouge_l", "tuition.evaluation.metrics.rouge:ROUGE_L")
METRICS.add("exact_match", "tuition.evaluation.metrics.exact:EXACT_MATCH")
METRICS.add("rouge_1", "tuition.evaluation.metrics.rouge_1:ROUGE_1")
METRICS.add("rouge_l_xlingual", "tuition.evaluation.metrics.rouge_xlingual:ROUGE_L_XLINGUAL")
METRICS.add("exact_match_squad", "tuition.evaluation.metrics.squad:EXACT_MATCH_SQUAD")
METRICS.add("f1_squad", "tuition.evaluation.metrics.squad:F1_SQUAD")
METRICS.add("accuracy", "tuition.evaluation.metrics.classification:ACCURACY")
METRICS.add("macro_f1", "tuition.evaluation.metrics.classification:MACRO_F1")
METRICS.add("invalid_output", "tuition.evaluation.metrics.classification:INVALID_OUTPUT")
METRICS.add("bleu", "tuition.evaluation.metrics.bleu:BLEU")
METRICS.add("chrf", "tuition.evaluation.metrics.chrf:CHRF")

EMBEDDER_METRICS: Registry[Callable[[Any], Metric]] = Registry("metric of an embedder")
EMBEDDER_METRICS.add("similarity", "tuition.evaluation.metrics.similarity:similarity_metric")

__all__ = [
    "EMBEDDER_METRICS",
    "METRICS",
    "Corpus",
    "Metric",
    "Profile",
    "exact_match",
    "exact_match_many",
    "rouge_l",
    "rouge_l_many",
]
