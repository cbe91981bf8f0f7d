"""Metrics: pure functions that judge a prediction against its accepted references; no model and no torch.

A new metric is a new file that ends in a `Metric`, and one `METRICS.add` below.
"""

from tuition.base.registry import Registry
from tuition.evaluation.metrics.exact import exact_match, exact_match_many
from tuition.evaluation.metrics.metric import Metric
from tuition.evaluation.metrics.rouge import rouge_l, rouge_l_many

METRICS: Registry[Metric] = Registry("metric")
METRICS.add("rouge_l", "tuition.evaluation.metrics.rouge:ROUGE_L")
METRICS.add("exact_match", "tuition.evaluation.metrics.exact:EXACT_MATCH")

__all__ = ["METRICS", "Metric", "exact_match", "exact_match_many", "rouge_l", "rouge_l_many"]
