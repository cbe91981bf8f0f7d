"""The public Python API: thin functions over the packages below, one file per subject."""
