"""When two inputs are the same content: the measure by which test, validation and training are kept apart."""

from __future__ import annotations

import hashlib
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


def content_hash(text: str) -> int:
    """Return 64 bits of a hash of `content_key(text)`: the same for the same content.

    Two contents among a million share a hash with a chance below 3e-8. To take rows with equal hashes for equal can
    only keep a row out of a set too many; it never lets one content into two sets.
    """
    return int.from_bytes(hashlib.blake2b(content_key(text).encode(), digest_size=8).digest(), "little")
