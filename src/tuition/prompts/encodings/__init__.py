"""The encodings of the papers, word for word: data in this folder's YAML files, one file per paper."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from tuition.base.errors import UserError
from tuition.base.registry import Registry
from tuition.prompts.encodings.reading import encoding_from_jinja, read_encodings
from tuition.prompts.types import Encoding

ENCODINGS: Registry[Encoding] = Registry("encoding")

for _file in sorted(file.name for file in files(__package__).iterdir() if file.name.endswith(".yaml")):
    _text = (files(__package__) / _file).read_text(encoding="utf-8")
    for _encoding in read_encodings(_text, Path(_file), ENCODINGS):
        ENCODINGS.add(_encoding.name, _encoding)


def find_encoding(name: str, folder: Path | None = None) -> Encoding:
    """Return the encoding of that name, or the one in a user's own file: a `.jinja` template or a `.yaml` description.

    Args:
        name: a name in `ENCODINGS`, or a path.
        folder: where a relative path starts; the working directory by default.

    Raises:
        UserError: there is no such encoding or file, or the file cannot be used.
    """
    if name in ENCODINGS or not is_file_name(name):
        return ENCODINGS[name]
    path = (folder or Path()) / Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: this encoding's file cannot be read ({error}); give a text file in UTF-8") from error
    if path.suffix in (".jinja", ".j2"):
        return encoding_from_jinja(text, path)
    found = read_encodings(text, path, ENCODINGS)
    if len(found) != 1:
        raise UserError(f"{path}: it describes {len(found)} encodings; an encoding's file must describe one")
    return found[0]


def is_file_name(name: str) -> bool:
    """Whether an encoding is named by the path of a file: a `.jinja` template or a `.yaml` description."""
    return name.endswith((".jinja", ".j2", ".yaml", ".yml"))


__all__ = ["ENCODINGS", "find_encoding", "is_file_name"]
