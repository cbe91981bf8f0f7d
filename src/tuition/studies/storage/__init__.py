"""What a study has finished, on disk: records, predictions, trained weights, and resuming from them."""
