"""The code's own structure: what imports what, and how long functions are."""

from __future__ import annotations

import ast
import graphlib
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
