"""GPT-2's byte-level tokenizer (Radford et al., 2019), from its merges, stored compressed next to this file.

`scripts/make_gpt2_merges.py` extracted and verified them from a package that ships OpenAI's files unchanged. Nothing
is downloaded when the tokenizer is used.
"""

from __future__ import annotations

import hashlib
import lzma
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MERGES_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
"""The SHA-256 of OpenAI's `vocab.bpe`, as published with GPT-2."""

_END = "<|endoftext|>"


@cache
def gpt2_tokenizer() -> Tokenizer:
    """Return GPT-2's tokenizer, with GPT-2's token ids.

    Raises:
        RuntimeError: the installed merges file is not the one that Tuition ships.
    """
    from tokenizers import AddedToken, Tokenizer, pre_tokenizers
    from tokenizers.models import BPE

    packed = resources.files(__package__).joinpath("gpt2_merges.xz").read_bytes()
    data = lzma.decompress(packed)
    if hashlib.sha256(data).hexdigest() != MERGES_SHA256:
        raise RuntimeError("gpt2_merges.xz is not the file that Tuition ships; install it again")
    lines = data.decode("utf-8").split("\n")[1:]
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in lines if line)]
    symbols = (*byte_symbols(), *(left + right for left, right in merges))
    tokenizer = Tokenizer(BPE(vocab={symbol: number for number, symbol in enumerate(symbols)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(_END, normalized=False)])
    return tokenizer


def byte_symbols() -> tuple[str, ...]:
    """Return the character that represents each byte in GPT-2's vocabulary, in the order of token ids.

    Bytes that are printable in Latin-1 represent themselves and come first; the other 68 are mapped to U+0100 and up.
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return (*map(chr, printing), *(chr(0x100 + number) for number in range(256 - len(printing))))
