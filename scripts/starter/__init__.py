"""The generator of the starter collection: one module for each task, with its word lists and sentence frames."""
