"""What the documents list is what there is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tuition.models.recipes import RECIPES, Recipe
from tuition.models.tuners import TUNERS
from tuition.prompts import ENCODINGS
from tuition.prompts.encodings.reading import read_encodings
from tuition.studies.presets import list_presets
from tuition.tasks.readers import READERS

ROOT = Path(__file__).resolve().parents[1]
GENERATED = {"reference/cli.md", "reference/api.md"}  # by scripts/docs_hooks.py, where the site is built
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_encodings_is_that_of_the_package() -> None:
    text = (ROOT / "docs" / "reference" / "encodings.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE))
    assert listed == {name: ENCODINGS[name].description for name in ENCODINGS}


def test_the_example_of_an_encoding_can_be_read() -> None:
    text = (ROOT / "docs" / "reference" / "encodings.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)
    assert [encoding.name for encoding in read_encodings(block, Path("x"), ENCODINGS)] == ["short"]


def test_the_table_of_formats_is_that_of_the_readers() -> None:
    text = (ROOT / "docs" / "reference" / "tasks.md").read_text(encoding="utf-8")
    table = text.partition("## Super-NaturalInstructions")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == set(READERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target and target not in GENERATED:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_pages_exist(page: Path) -> None:
    from tuition.cli import app

    known = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback}
    used = set(re.findall(r"^(?:\$ )?tuition ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert used <= known


def test_the_study_of_the_page_can_be_read() -> None:
    from tuition.base.yamltext import load_yaml
    from tuition.studies.spec.study import parse_study

    text = (ROOT / "docs" / "concepts" / "studies.md").read_text(encoding="utf-8")
    block = re.findall(r"```yaml\n(study: quick-learners.+?)```", text, re.DOTALL)[0]
    spec = parse_study(load_yaml(block, Path("docs/concepts/studies.md")), Path("docs/concepts/studies.md"))
    assert list(spec.arms) == ["instruction-tuned", "cross-task", "four-shot", "majority"]
    assert spec.labels == (0, 100, 200, "6%", "all")


def recipe_cells(recipe: Recipe) -> list[str]:
    """What the table of recipes says of one: its tuner, course, batch and optimiser."""
    options = "".join(f", {name} {value}" for name, value in recipe.tuner_options.items())
    course = f"{recipe.total_steps:,} steps" if recipe.total_steps else f"{recipe.epochs} epochs"
    if recipe.min_steps > 1 and not recipe.total_steps:
        course += f", at least {recipe.min_steps} steps"
    optimiser = {"adamw": "AdamW", "adafactor": "Adafactor"}[recipe.optimiser]
    warm = f", warm-up {recipe.warmup:g}" if recipe.warmup else ""
    return [
        f"`{recipe.tuner}`{options}",
        course,
        str(recipe.batch_size),
        f"{optimiser} {recipe.learning_rate:g}, {recipe.schedule}{warm}",
    ]


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of the page on learning."""
    text = (ROOT / "docs" / "how-to" / "training.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
    table = section[section.index("|") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_the_table_of_recipes_is_that_of_the_package() -> None:
    rows = rows_of("Recipes")
    assert [row[:-1] for row in rows] == [[f"`{name}`", *recipe_cells(RECIPES[name])] for name in RECIPES]
    assert all(row[-1].strip() for row in rows)


def test_the_table_of_recipe_settings_names_all_of_them() -> None:
    text = (ROOT / "docs" / "how-to" / "training.md").read_text(encoding="utf-8")
    table = text[text.index("| setting | what it says |") :].split("\n\n")[0]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named == {field.name for field in dataclasses.fields(Recipe)} - {"name"}


def test_the_table_of_tuners_has_their_options() -> None:
    rows = {row[0].strip("`| "): row[1] for row in rows_of("Tuners")}
    assert list(rows) == list(TUNERS)
    for name, told in rows.items():
        defaults = {field.name: field.default for field in dataclasses.fields(TUNERS[name])}  # type: ignore[arg-type]
        expected = [f"`{key}: {value}`" if value else f"`{key}`" for key, value in defaults.items()]
        assert re.findall(r"`[^`]+`", told) == expected


def test_the_table_of_presets_is_that_of_the_package() -> None:
    told = [(row[0].strip("`| "), row[1].strip("| ")) for row in rows_of("Presets: the papers' experiments")]
    assert told == [(preset.name, preset.about) for preset in list_presets()]
