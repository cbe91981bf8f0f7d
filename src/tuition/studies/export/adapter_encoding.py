"""The encoding that a model was trained with: stored with its weights, and required when it is used."""

from __future__ import annotations

from pathlib import Path

import orjson

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError
from tuition.prompts.encodings.reading import encoding_from_json, encoding_to_json
from tuition.prompts.types import Encoding

_FILE = "encoding.json"


def write_encoding(folder: Path, encoding: Encoding) -> None:
    """Keep the encoding that a model was trained by, in the folder of its weights."""
    (folder / _FILE).write_bytes(orjson.dumps(encoding_to_json(encoding), option=orjson.OPT_INDENT_2) + b"\n")


def read_encoding(folder: Path) -> Encoding:
    """Return the encoding that the model in `folder` was trained by.

    Raises:
        UserError: none is kept there, or it cannot be read.
    """
    with library_errors(f"{folder / _FILE}: the encoding that this model was trained by cannot be read"):
        return encoding_from_json(orjson.loads((folder / _FILE).read_bytes()))


def require_encoding(folder: Path, encoding: Encoding) -> None:
    """Refuse to use a model under another encoding than the one that it was trained by.

    Raises:
        UserError: the encodings differ, or none is kept.
    """
    trained = read_encoding(folder)
    if trained != encoding:
        raise UserError(
            f"{folder}: this model was trained with the encoding {trained.name!r} and would be prompted by "
            f"{encoding.name!r}; use the encoding it was trained with, or train it again"
        )
