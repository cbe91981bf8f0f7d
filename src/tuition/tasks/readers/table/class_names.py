"""Class numbers without a name, in columns whose classes have names."""

from __future__ import annotations

WITHHELD = -1


class NamelessClass(int):
    """The number of a class without a name; -1 marks a label that its publisher withholds."""

    def explained(self, column: str) -> tuple[str, str, str]:
        """Return the fault of such an output: its kind, what was found, and what would be right."""
        if self == WITHHELD:
            return (
                "held-back-label",
                f"{column} is -1: the publisher withholds the label of this row, as in hidden test sets",
                "remove these rows, or name in the card the splits that have labels, such as "
                "split: {train: train, test: validation}",
            )
        found = f"{column} is the class number {int(self)}, which has no name in the file's list of classes"
        return "unknown-label", found, "correct the number or the list of names"
