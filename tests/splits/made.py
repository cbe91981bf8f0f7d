"""Small collections made in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import strategies as st

from tuition.base.errors import Problem, ProblemsError
from tuition.tasks.collection import Collection, TaskSplit
from tuition.tasks.types import Instance, RowSplit, Task


def made_task(
    name: str,
    inputs: Sequence[str] = (),
    *,
    outputs: Sequence[str] = (),
    splits: Sequence[RowSplit] = (),
    categories: Sequence[str] = (),
    sources: Sequence[str] = (),
    definition: str = "",
) -> Task:
    rows = [
        Instance(
            str(n),
            text,
            (outputs[n] if outputs else "out",),
            split=splits[n] if splits else "",
        )
        for n, text in enumerate(inputs)
    ]
    return Task(
        name,
        (definition or f"Do {name}.",),
        lambda: iter(rows),
        categories=tuple(categories),
        sources=tuple(sources),
    )


def made_collection(
    tasks: Sequence[Task],
    *,
    splits: Mapping[str, TaskSplit] | None = None,
    related: Mapping[str, tuple[str, ...]] | None = None,
) -> Collection:
    by_name = {task.name: task for task in tasks}
    return Collection(Path("made"), tuple(by_name), by_name.__getitem__, splits=splits or {}, related=related or {})


def unreadable(names: Sequence[str]) -> Collection:
    """A collection none of whose tasks can be read."""

    def read(name: str) -> Task:
        raise ProblemsError([Problem("broken", f"{name} is broken", "fix it")])

    return Collection(Path("made"), tuple(names), read)


# Spellings of few names, odd ones among them, so that what is drawn often meets.
_TRAITS = st.lists(st.sampled_from(["nli", "NLI", "para_phrase", "paraphrase", "qa", "???", "Ünï", ""]), max_size=2)


@st.composite
def collections(draw: st.DrawFn) -> Collection:
    """Collections of up to nine tasks with any categories, sources and rows."""
    count = draw(st.integers(1, 9))
    texts = st.lists(st.sampled_from(["a", "A ", "b", "c", "", "é"]), max_size=4)
    return made_collection(
        [made_task(f"task{n}_x", draw(texts), categories=draw(_TRAITS), sources=draw(_TRAITS)) for n in range(count)],
        related=draw(st.dictionaries(st.sampled_from(["nli", "qa"]), st.just(("paraphrase", "nli")), max_size=2)),
    )
