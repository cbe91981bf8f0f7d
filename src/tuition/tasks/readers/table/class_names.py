"""A class by its number, in a column whose classes have names, where this number has none."""

from __future__ import annotations

HELD_BACK = -1


class NamelessClass(int):
    """The number of a class that has no name; -1 stands for a label that its publisher holds back."""

    def explained(self, column: str) -> tuple[str, str, str]:
        """Return the kind of fault that it is as an output, what was found, and what would be right."""
        if self == HELD_BACK:
            return (
                "held-back-label",
                f"{column} is -1: the label of this row is held back by its publisher, as in hidden test sets",
                "take these rows out, or name in the card the splits that have labels, such as "
                "split: {train: train, test: validation}",
            )
        found = f"{column} is the class number {int(self)}, which has no name in the file's list of classes"
        return "unknown-label", found, "put the number or the list of names right"
