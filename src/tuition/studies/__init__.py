"""Studies: one file is one experiment, expanded into a plan of steps that an engine runs and a store keeps."""
