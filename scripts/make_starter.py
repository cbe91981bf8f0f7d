"""Write the starter collection: ten tasks in Super-NaturalInstructions' JSON format, the same bytes on every run.

Run `python scripts/make_starter.py` after a change to the words or frames in `scripts/starter`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from starter import (
    analogy,
    delivery_date,
    event_notice,
    full_question,
    notice_claims,
    order_items,
    polite_request,
    story_sums,
    subject_line,
    support_team,
)
from starter.build import task_text
from tuition.base.files import write_atomically

TASKS = (
    support_team.TASK,
    delivery_date.TASK,
    polite_request.TASK,
    order_items.TASK,
    analogy.TASK,
    event_notice.TASK,
    story_sums.TASK,
    full_question.TASK,
    notice_claims.TASK,
    subject_line.TASK,
)
# Held out from multi-task training: the tasks of the demo.
UNSEEN = (delivery_date.TASK, order_items.TASK, event_notice.TASK)

DEFAULT_OUT = Path(__file__).resolve().parents[1] / "src" / "tuition" / "tasks" / "starter"


def write_collection(out: Path) -> None:
    """Write `tasks/*.json` and `splits/default/{train,test}_tasks.txt` below `out`."""
    for task in TASKS:
        write_atomically(out / "tasks" / f"{task.name}.json", task_text(task))
    for split, tasks in (("train", [task for task in TASKS if task not in UNSEEN]), ("test", UNSEEN)):
        lines = "".join(f"{task.name}\n" for task in tasks)
        write_atomically(out / "splits" / "default" / f"{split}_tasks.txt", lines)


def main() -> None:
    """Read the command line and write the collection."""
    parser = argparse.ArgumentParser(description="Write the starter collection.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write to (default: %(default)s)")
    out = parser.parse_args().out
    write_collection(out)
    size = sum(file.stat().st_size for file in (out / "tasks").glob("*.json"))
    print(f"{out}: {len(TASKS)} tasks, {size:,} bytes")


if __name__ == "__main__":
    main()
