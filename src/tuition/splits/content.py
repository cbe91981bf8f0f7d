"""When two inputs are the same content: the measure by which test, validation and training are kept apart."""

from __future__ import annotations

import unicodedata


def content_key(text: str) -> str:
    r"""Return `text` as it is compared: NFKC, case folded, each run of white space one space, none at the ends.

    Two inputs with the same key never stand on both sides of a split. Punctuation and digits count.

    Examples:
        >>> content_key("  The\tﬁrst\r\n ONE ")
        'the first one'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding can undo the normal form (and normalising can bring back white space), hence the second round.
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())
