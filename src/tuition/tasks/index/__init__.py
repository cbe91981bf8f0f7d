"""An index of large collections, so that files are not read again: see `source.with_index`."""
