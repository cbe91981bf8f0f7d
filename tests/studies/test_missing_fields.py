from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.studies.conftest import study_text
from tuition.studies.planning.plan import make_plan
from tuition.studies.spec.study import parse_study


def test_each_encoding_gets_a_line_with_the_number_of_tasks_that_lack_what_it_asks_for(
    write_task: Callable[..., Path], tiny_model: Path
) -> None:
    write_task(1)
    folder = write_task(2)
    arms = {name: [{"encoding": name}] for name in ("definition", "ni-avoid+prompt", "definition+4-positive")}
    spec = parse_study(study_text(folder, tiny_model, arms=arms), Path("x"))
    notes = make_plan(spec, model_identity="m", precision="float32").notes
    assert [note for note in notes if "uses fields" in note] == [
        "the encoding “ni-avoid+prompt” uses fields that tasks lack, and its prompts omit them: 2 of 2 tasks have no "
        "things to avoid, 2 have no prompt",
        "the encoding “definition+4-positive” uses fields that tasks lack, and its prompts omit them: 2 of 2 tasks "
        "have fewer than 4 positive examples",
    ]
