"""What the documents list is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuition.prompts import ENCODINGS
from tuition.prompts.encodings.reading import read_encodings
from tuition.tasks.readers import READERS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_table_of_encodings_is_that_of_the_package() -> None:
    text = (ROOT / "docs" / "encodings.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE))
    assert listed == {name: ENCODINGS[name].description for name in ENCODINGS}


def test_the_example_of_an_encoding_can_be_read() -> None:
    text = (ROOT / "docs" / "encodings.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)
    assert [encoding.name for encoding in read_encodings(block, Path("x"), ENCODINGS)] == ["short"]


def test_the_table_of_formats_is_that_of_the_readers() -> None:
    text = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    table = text.partition("## Super-NaturalInstructions")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == set(READERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_pages_exist(page: Path) -> None:
    from tuition.cli import app

    known = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback}
    used = set(re.findall(r"^(?:\$ )?tuition ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert used <= known


def test_the_study_of_the_page_can_be_read() -> None:
    from tuition.studies.spec import parse_study
    from tuition.studies.yaml12 import load_yaml

    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    block = re.findall(r"```yaml\n(study: quick-learners.+?)```", text, re.DOTALL)[0]
    spec = parse_study(load_yaml(block), Path("docs/studies.md"))
    assert list(spec.arms) == ["instruction-tuned", "cross-task", "four-shot", "majority"]
    assert spec.labels == (0, 100, 200, "6%", "all")
