"""The command line's application, and the options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuition.base.version import __version__

app = typer.Typer(
    name="tuition",
    help="Instruction tuning and sample efficiency: train, evaluate, and forecast what more labels would buy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Format = Annotated[str | None, typer.Option("--format", help="The tasks' format, if it is not recognised.")]


def resolve_path(path: Path) -> Path:
    """Return the path; `starter` is the collection inside the package, unless a file or folder has that name."""
    if str(path) == "starter" and not path.exists():
        from tuition.tasks.starter import STARTER_PATH

        return STARTER_PATH
    return path


CollectionPath = Annotated[
    Path, typer.Argument(callback=resolve_path, help="A collection: a folder, a checkout, one file, or `starter`.")
]


def _resolve_paths(paths: list[Path]) -> list[Path]:
    return [resolve_path(path) for path in paths]


CollectionPaths = Annotated[
    list[Path], typer.Argument(callback=_resolve_paths, help="Collections: folders, checkouts, files, or `starter`.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tuition {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Instruction tuning and sample efficiency: train, evaluate, and forecast what more labels would buy."""
