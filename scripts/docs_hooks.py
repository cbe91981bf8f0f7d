"""Adds the generated pages of the documentation site, which are not committed.

`make docs` loads this file as a hook of mkdocs (see mkdocs.yml).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

BESIDE = {"CONTRIBUTING": "contributing.md", "CHANGELOG": "changes.md"}

API_HEAD = """# Python API

`import tuition` gives the names on this page; no other name is public. They load when they are first used, so the
import itself needs no torch. [From Python](../tutorials/from-python.md) shows each of them in use.
"""


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to those in docs/."""
    pages = {
        "reference/cli.md": command_line(),
        "reference/api.md": python_api(),
        "contributing.md": for_the_site((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")),
        "changes.md": for_the_site((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Make links to files outside docs/ point to their pages on the site."""
    return re.sub(
        r"\]\(((?:\.\./)*)\.\./(CONTRIBUTING|CHANGELOG)\.md", lambda link: f"]({link[1]}{BESIDE[link[2]]}", markdown
    )


def for_the_site(text: str) -> str:
    """Return a page of the repository's root with its links into docs/ rewritten for the site."""
    return text.replace("](docs/", "](").replace("](CHANGELOG.md", "](changes.md")


def command_line() -> str:
    """Return the reference of the command line, as typer writes it from the commands themselves."""
    command = [sys.executable, "-m", "typer", "tuition.cli", "utils", "docs", "--name", "tuition"]
    text = subprocess.run(
        [*command, "--title", "Command line"], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout
    head, sections = text.partition("**Commands**:")[0], re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    summaries = [f"* [{title(section)}](#{anchor(section)}): {summary(section)}" for section in sections]
    return f"{head}**Commands**:\n\n" + "\n".join(summaries) + "\n\n" + "".join(sections)


def title(section: str) -> str:
    """Return a command's heading, such as `tuition demo` in code marks."""
    return section.splitlines()[0].removeprefix("## ")


def anchor(section: str) -> str:
    """Return the anchor of a command's heading on the page."""
    return title(section).strip("`").replace(" ", "-")


def summary(section: str) -> str:
    """Return the first paragraph below a command's heading; typer's own list cuts it short."""
    return section.split("\n\n")[1].replace("\n", " ")


def python_api() -> str:
    """Return the page from which mkdocstrings generates the documentation of every public name."""
    import tuition

    entries = [
        f"::: {tuition._MODULES[name]}.{name}\n    options:\n      heading: tuition.{name}\n      toc_label: {name}\n"
        for name in tuition.__all__
    ]
    return "\n".join([API_HEAD, *entries])
