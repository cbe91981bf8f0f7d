"""Check a parsed pattern against what is allowed, and insert the filters that charge for its work."""

from __future__ import annotations

from typing import cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.visitor import NodeTransformer

from tuition.tasks.sandbox.environment import METHODS
from tuition.tasks.sandbox.filters import FILTER_NAMES, FUNCTIONS, TESTS

_DEPTH_LIMIT = 60
_METHOD_NAMES = frozenset().union(*METHODS.values(), {"cycle"})
_NODES = frozenset(
    (
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict,
        nodes.Pair, nodes.Getitem, nodes.Getattr, nodes.Call, nodes.Filter, nodes.Test, nodes.If, nodes.For,
        nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
        nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat, nodes.CondExpr, nodes.Slice, nodes.Assign,
        nodes.With, nodes.Keyword,
    )
)  # fmt: skip
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Import: "imports another pattern",
    nodes.FromImport: "imports from another pattern",
    nodes.Include: "includes another pattern",
    nodes.Extends: "extends another pattern",
    nodes.Block: "has a block",
    nodes.Macro: "defines a macro",
    nodes.CallBlock: "calls a macro",
    nodes.FilterBlock: "filters a block",
    nodes.AssignBlock: "sets a name to a block",
    nodes.NSRef: "changes a namespace",
    nodes.Pow: "raises to a power with **",
    nodes.ScopedEvalContextModifier: "changes the escaping",
}


def guarded(tree: nodes.Template) -> nodes.Template:
    """Return a parsed pattern in which loops, comparisons and concatenations are charged for their work.

    Raises:
        SecurityError: the pattern contains something that is not allowed; the message begins with the line.
    """
    _require_allowed(tree)
    return cast("nodes.Template", _Guard().visit(tree))


def _require_allowed(tree: nodes.Template) -> None:
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if fault := _fault(node):
            raise SecurityError(f"line {node.lineno}: {fault}")
        if depth > _DEPTH_LIMIT:
            raise SecurityError(f"line {node.lineno}: is nested more than {_DEPTH_LIMIT} deep")
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())


def _fault(node: nodes.Node) -> str | None:
    """Return why a node is not allowed in a pattern, apart from its children; None if it is allowed."""
    kind = type(node)
    if kind not in _NODES:
        what = _REFUSED.get(kind, f"has a {kind.__name__}")
        return f"{what}; a pattern may print, branch (if), loop (for) and set names"
    if isinstance(node, nodes.Name) and node.name == "self":
        return "uses itself (self)"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"uses the attribute {node.attr!r}; it may use only a row's fields and their elements"
    if isinstance(node, (nodes.Call, nodes.Filter, nodes.Test)) and (node.dyn_args or node.dyn_kwargs):
        return "calls with * or **; write the arguments one by one"
    if isinstance(node, nodes.Call):
        return _call_fault(node.node)
    if isinstance(node, nodes.Filter) and (node.node is None or node.name not in FILTER_NAMES):
        return f"uses the filter {node.name!r}; there are {', '.join(FILTER_NAMES)}"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"uses the test {node.name!r}; there are {', '.join(TESTS)}"
    return "has a loop that calls itself" if isinstance(node, nodes.For) and node.recursive else None


def _call_fault(called: nodes.Node) -> str | None:
    if isinstance(called, nodes.Getattr):
        if called.attr in _METHOD_NAMES:
            return None
        return f"calls the method {called.attr!r}; there are {', '.join(sorted(_METHOD_NAMES))}"
    if isinstance(called, nodes.Name) and called.name in FUNCTIONS:
        return None
    name = called.name if isinstance(called, nodes.Name) else "something"
    return f"calls {name}; there are {', '.join(FUNCTIONS)}"


class _Guard(NodeTransformer):
    """Inserts the charging filters where Jinja calls no hook: functions, loops, `~`, slices and comparisons."""

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - the name that Jinja calls
        self.generic_visit(node)
        if not isinstance(node.node, nodes.Name):
            return node
        return _filtered(nodes.List(node.args, lineno=node.lineno), f"0{node.node.name}", *node.kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the name that Jinja calls
        cost = 1 + sum(_size(child) for child in (*node.body, *([node.test] if node.test else ())))
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "0rounds", nodes.Const(cost))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - the name that Jinja calls
        self.generic_visit(node)
        return _filtered(node.nodes[0], "0concat", *node.nodes[1:])

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - the name that Jinja calls
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        ends = (node.arg.start, node.arg.stop, node.arg.step)
        return _filtered(node.node, "0slice", *(end or nodes.Const(None) for end in ends))

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802 - the name that Jinja calls
        self.generic_visit(node)
        for pair in node.items:
            pair.key = _filtered(pair.key, "0key")
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - the name that Jinja calls
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "0charged")
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, "0charged")
        return node


def _filtered(node: nodes.Node, name: str, *args: nodes.Node) -> nodes.Filter:
    plain = [arg for arg in args if not isinstance(arg, nodes.Keyword)]
    named = [arg for arg in args if isinstance(arg, nodes.Keyword)]
    wrapped = nodes.Filter(cast("nodes.Expr", node), name, plain, named, None, None, lineno=node.lineno)
    for arg in plain:
        arg.set_lineno(node.lineno)
    return wrapped


def _size(node: nodes.Node) -> int:
    return 1 + sum(_size(child) for child in node.iter_child_nodes())
