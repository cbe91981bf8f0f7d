"""An index of big collections, so that what was read once need not be read again: see `source.with_index`."""
