"""`tuition doctor`: what this machine has, and what it trains and answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from tuition.commands.console import console, notes, print_json
from tuition.models.load import load_model
from tuition.models.machine import Machine, this_machine
from tuition.studies.engines.self_test import SelfTest, self_test
from tuition.studies.planning.rates import keep_rates

_AGREES = 0.02
"""The relative difference of losses, in bfloat16, up to which graphs count as right."""


def examine_and_print(model: str, *, seconds: float, precision: str, as_json: bool) -> int:
    """Print what the machine has and, unless `seconds` is 0, what a self-test of a model measured; keep its rates.

    Returns:
        0, or 1 where graphs gave other losses than plain steps.

    Raises:
        UserError: the model cannot be had.
    """
    machine = this_machine()
    tested: SelfTest | None = None
    facts: dict[str, Any] = {"machine": asdict(machine), "self_test": None}
    if seconds > 0:
        loaded = load_model(model, precision=precision, say=lambda text: notes().print(escape(text), style="dim"))
        notes().print(f"self-test of {escape(model)}: about {seconds:g} s", style="dim")
        tested = self_test(loaded, seconds)
        kept = keep_rates(loaded, tested.rates)
        facts["self_test"] = {"model": model, "kept_in": None if kept is None else str(kept), **asdict(tested)}
    if as_json:
        print_json(facts)
    else:
        _print(machine, model, tested, facts)
    wrong = tested is not None and tested.graph_error is not None and not tested.graph_error <= _AGREES
    if wrong:
        notes().print(
            "CUDA graphs change the losses on this machine: set TUITION_CUDA_GRAPHS=0 and report it", style="red"
        )
    return int(wrong)


def _print(machine: Machine, model: str, tested: SelfTest | None, facts: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "device": f"{machine.device}: {machine.name}",
        "threads": str(machine.threads),
        "memory": f"{_gib(machine.memory)}, {_gib(machine.free_memory)} free",
        "precision": f"{machine.precision} (auto){', nf4' if machine.four_bit else ''}",
        "attention": machine.attention,
        "graphs": machine.graphs,
        "versions": ", ".join(f"{name} {version}" for name, version in machine.versions.items()),
    }
    if tested is not None:
        rates = tested.rates
        rows |= {
            "self-test": f"{model}, {tested.seconds:.0f} s",
            "training": f"{rates.training:,.0f} tokens/s (LoRA, 8 rows behind a shared prefix)",
            "reading": f"{rates.reading:,.0f} tokens/s",
            "decoding": f"{rates.decoding:,.0f} tokens/s (8 rows)",
        }
        if tested.launches:
            rows["launches"] = tested.launches
        if tested.graph_error is not None:
            rows["graphs against plain"] = f"largest relative difference of a loss {tested.graph_error:.1e}"
        if facts["self_test"]["kept_in"]:
            rows["kept for estimates"] = facts["self_test"]["kept_in"]
    for name, text in rows.items():
        table.add_row(name, escape(text))
    console().print(table)
    for remark in machine.remarks:
        console().print(f"note: {escape(remark)}")


def _gib(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 2**30:.1f} GiB"
