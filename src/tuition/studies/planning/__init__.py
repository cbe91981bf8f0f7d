"""From a study's file to the steps of its plan: rows, metrics, keys, and what the plan will cost."""
