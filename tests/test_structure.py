"""The code's own structure: what imports what, how long functions are, and the words that it is written in."""

from __future__ import annotations

import ast
import graphlib
import re
from pathlib import Path

import grimp
import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "tuition"


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("tuition", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_function_outside_the_command_line_has_more_than_8_parameters() -> None:
    wide = {
        f"{path.relative_to(SOURCE)} {node.name}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) > 8
        # A command's signature is its list of options; elsewhere a record of options takes their place.
        and path.parent.name != "cli"
    }
    assert not wide


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{path.relative_to(SOURCE)} {node.name}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= 60
        # A command's signature is its list of options.
        and path.parent.name != "cli"
    }
    assert not long


# The folders of src/tuition that use the field's words (prompt, train, evaluate, fix, again, also): add yours here.
PLAIN_FOLDERS = (
    "api", "audit", "base", "cli", "commands", "evaluation", "models", "prompts", "reports", "splits", "studies",
    "tasks", "training",
)  # fmt: skip
# Words that had a private meaning here, in prose or as a part of a name such as `_told` or `cannot_tell`.
PRIVATE_WORDS = re.compile(
    r"(?<![a-z])(told|tells?|telling|anew|besides|learnt|judged|judges|weighed|weighs|nobody|mend(s|ed)?|gives? way"
    r"|stands?)(?![a-z])",
    re.IGNORECASE,
)
# Phrases with such a word that are right English, each with its meaning.
ALLOWED_PHRASES = (
    '"cannot_tell"',
    '"not_judged"',
    '"told"',  # keys of JSON that others read
    "learnt: str",
    "one.learnt",  # a key of the plan's JSON
    "tell: ElementKind",
    "element.tell",
    "e.tell",
    "`tell`",  # a field of encodings, part of the keys of stored steps
    "different judges",
    "Judged by {",
    "wrong besides",  # an LLM judge, and its prompt
    "LLM judges",  # models that grade answers (LLM-as-a-judge)
    "stand-in",  # an object that replaces another, as in tests
)


@pytest.mark.parametrize("folder", PLAIN_FOLDERS)
def test_code_uses_the_fields_words(folder: str) -> None:
    found = []
    for path in sorted((SOURCE / folder).rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            text = line
            for phrase in ALLOWED_PHRASES:
                text = text.replace(phrase, "")
            found += [f"{path.relative_to(SOURCE)}:{number}: {word[0]}" for word in PRIVATE_WORDS.finditer(text)]
    assert not found


def test_the_search_for_private_words_finds_them_in_prose_and_in_names() -> None:
    text = "Nobody is told; cannot_tell, _told = 1; it gives way, stands"
    assert [match[0] for match in PRIVATE_WORDS.finditer(text)] == [
        "Nobody", "told", "tell", "told", "gives way", "stands",
    ]  # fmt: skip
    assert not PRIVATE_WORDS.search("intelligence, recommended, amend, understands, standard, foretold")
