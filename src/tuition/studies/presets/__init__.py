"""Studies that come with the package, as the YAML files that a user could have written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import UserError
from tuition.base.registry import Registry

DEMO = Path(__file__).with_name("demo.yaml")

PRESETS: Registry[Path] = Registry("preset")
for _file in sorted(Path(__file__).parent.glob("*.yaml")):
    PRESETS.add(_file.stem, _file)


@dataclass(frozen=True, slots=True)
class Preset:
    """A study of the package: its name, and the line that its file begins with."""

    name: str
    about: str


def list_presets() -> tuple[Preset, ...]:
    """Return the presets, each with its first line's words."""
    return tuple(Preset(name, _first_line(PRESETS[name])) for name in PRESETS)


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A study's file, and the place whose folder relative paths in it start from: a preset's is the current folder."""

    file: Path
    place: Path


def find_study(name: str) -> StudyFile:
    """Return the file of a study: the path that `name` is, where there is such a file, or else the preset's.

    Raises:
        UserError: there is neither; the nearest preset is named.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return StudyFile(path, path)
    if name in PRESETS:
        return StudyFile(PRESETS[name], Path(f"{name}.yaml"))
    if path.suffix or path.parent != Path():
        meant = f"the preset is called {path.stem!r}" if path.stem in PRESETS else "give a study's YAML file"
        raise UserError(f"{name}: cannot be read (there is no such file); {meant}")
    try:
        return StudyFile(PRESETS[name], path)
    except UserError as error:
        raise UserError(f"{name}: there is no such file, and {error}") from None


def _first_line(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#").strip()
