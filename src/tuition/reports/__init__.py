"""Reports: learning curves, tables and pages, drawn from stored scores alone."""
