"""How the starter collection is written: one module a task, with its word lists and sentence frames."""
