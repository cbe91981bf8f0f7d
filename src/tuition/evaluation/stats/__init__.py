"""Statistics of scores: aggregation, intervals, paired tests, factor effects, labels saved; no model, no torch."""
