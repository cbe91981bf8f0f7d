"""When two inputs count as equal; used to keep training, validation and test rows disjoint."""

from __future__ import annotations

import hashlib
import unicodedata


def content_key(text: str) -> str:
    r"""Normalise `text` for comparison: NFKC, case folded, each run of white space one space, none at the ends.

    Two inputs with the same key are never on both sides of a split. Punctuation and digits count.

    Examples:
        >>> content_key("  The\tﬁrst\r\n ONE ")
        'the first one'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    # Case folding can undo the normal form (and normalising can add white space), hence the second round.
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def content_hash(text: str) -> int:
    """Return a 64-bit hash of `content_key(text)`.

    Among a million distinct contents, the probability that any two share a hash is below 3e-8. A collision can only
    drop a row too many; it never puts equal content into two splits.
    """
    return int.from_bytes(hashlib.blake2b(content_key(text).encode(), digest_size=8).digest(), "little")
