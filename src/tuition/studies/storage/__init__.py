"""A study's finished steps on disk: records, predictions and trained weights; and resuming from them."""
