"""The reader of a user's own table, with the card next to it."""
