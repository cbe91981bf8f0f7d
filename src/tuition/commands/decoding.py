"""The decoding options of commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def decoding_settings(
    beams: int = 1, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0, stop: Sequence[str] = ()
) -> dict[str, Any]:
    r"""Return the settings that differ from greedy decoding, in the form of a study's `decoding`.

    `\n` and `\t` in a stop string become a newline and a tab, which are hard to type in a shell.

    Examples:
        >>> decoding_settings(beams=4, stop=["\\n\\n"])
        {'beams': 4, 'stop': ['\n\n']}
    """
    usual = {"beams": (beams, 1), "temperature": (temperature, 0.0), "top_p": (top_p, 1.0), "seed": (seed, 0)}
    changed: dict[str, Any] = {name: value for name, (value, default) in usual.items() if value != default}
    if stop:
        changed["stop"] = [text.replace("\\n", "\n").replace("\\t", "\t") for text in stop]
    return changed
