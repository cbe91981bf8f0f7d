"""`tuition check` as a user types it: what it prints, its exit codes, and that it writes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WriteTask = Callable[..., Path]


def check(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuition", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload,no-any-return]


def change(folder: Path, **changes: object) -> Path:
    file = folder / "task001_colours.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


ONE_SIDED = [{"input": "a", "output": "red"}, {"input": "b", "output": "red"}]


@pytest.mark.parametrize(
    ("changes", "options", "code"),
    [
        ({}, [], 0),
        ({}, ["--strict"], 0),
        ({"Positive Examples": ONE_SIDED}, [], 0),
        ({"Positive Examples": ONE_SIDED}, ["--strict"], 1),
        ({"Positive Examples": ONE_SIDED}, ["--strict", "--skip", "demonstrations"], 0),
        ({"Definition": [""]}, [], 2),
        ({"Definition": [""]}, ["--strict", "--json"], 2),
    ],
)
def test_the_exit_code_says_how_bad_it_is(write_task: WriteTask, changes, options: list[str], code: int) -> None:
    done = check(change(write_task(), **changes), *options)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_json_is_a_list_of_findings_with_six_keys(write_task: WriteTask) -> None:
    done = check(change(write_task(), **{"Positive Examples": ONE_SIDED}), "--json")
    found = json.loads(done.stdout)
    assert all(list(finding) == ["kind", "severity", "tasks", "count", "where", "message"] for finding in found)
    (one,) = [finding for finding in found if finding["kind"] == "one-sided-demonstrations"]
    assert (one["severity"], one["tasks"], one["count"]) == ("warning", ["task001_colours"], 2)


def test_many_findings_of_a_kind_are_clipped_and_all_shows_them(write_task: WriteTask) -> None:
    for number in range(1, 13):
        folder = write_task(number=number, rows=39 + number, definition=f"Definition {number}.")
    clipped, whole = check(folder).stdout, check(folder, "--all").stdout
    assert "… and 7 more findings of this kind (--all shows them)" in clipped
    assert whole.count("note: task task0") - clipped.count("note: task task0") >= 7
    assert "more findings" not in whole
    assert clipped.splitlines()[0].split() == ["kind", "severity", "findings", "tasks", "places"]


def test_an_unknown_audit_is_refused_with_the_nearest(write_task: WriteTask) -> None:
    done = check(write_task(), "--skip", "near-duplicate")
    assert done.returncode == 2
    assert "did you mean 'near-duplicates'?" in done.stderr


def test_prompts_are_judged_where_a_model_and_length_are_given(write_task: WriteTask, tiny_model: Path) -> None:
    done = check(write_task(), "--model", tiny_model, "--max-length", 150, "--encoding", "quick-learners", "--json")
    assert done.returncode == 0, done.stderr
    (ledger,) = [finding for finding in json.loads(done.stdout) if finding["kind"] == "length-ledger"]
    assert "of 40 prompts fit into 150 tokens" in ledger["message"]


def test_without_a_model_no_model_library_is_loaded(write_task: WriteTask) -> None:
    code = "import sys; from pathlib import Path; from tuition.commands.check import check_and_print; "
    code += f"check_and_print(Path({str(write_task())!r}), as_json=True); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "scipy", "pyarrow"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--encoding", "quick-learner"], "did you mean"),
        (["--model", "/no/model"], "no such folder"),
        (["--max-length", "0"], "--max-length"),
    ],
)
def test_mistakes_in_what_is_judged_are_told_in_plain_lines(
    write_task: WriteTask, options: list[str], told: str
) -> None:
    done = check(write_task(), *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_task_beside_sound_ones_does_not_stop_the_audit(write_task: WriteTask) -> None:
    folder = change(write_task(), **{"Positive Examples": ONE_SIDED})
    (folder / "task002_broken.json").write_text("{")
    done = check(folder, "--json")
    assert done.returncode == 2
    assert {"truncated-json", "one-sided-demonstrations"} <= {finding["kind"] for finding in json.loads(done.stdout)}


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_check_that_is_stopped_leaves_nothing_behind(
    stop: signal.Signals, write_task: WriteTask, tmp_path: Path
) -> None:
    folder = write_task(rows=30_000)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with subprocess.Popen(
        [sys.executable, "-m", "tuition", "check", str(folder), "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        time.sleep(0.5)
        process.send_signal(stop)
        told, errors = process.communicate(timeout=60)
    if process.returncode != 0:  # it was stopped before it ended
        assert told == ""
        assert "Traceback" not in errors or stop is signal.SIGINT
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "checking.md"


def test_every_command_of_the_page_runs(write_task: WriteTask, tiny_model: Path, tmp_path: Path) -> None:
    write_task().rename(tmp_path / "my-tasks")
    commands = [
        line.split("#")[0].split() for line in PAGE.read_text().splitlines() if line.startswith("tuition check ")
    ]
    assert len(commands) >= 6
    for command in commands:
        arguments = [str(tiny_model) if word == "smollm2-135m" else word for word in command[2:]]
        done = check(*arguments, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)


def test_the_page_names_every_audit_and_every_kind() -> None:
    import re

    from tuition.audit import AUDITS

    page = PAGE.read_text()
    folder = PAGE.parents[2] / "src" / "tuition" / "audit"
    source = "\n".join(file.read_text() for file in sorted(folder.glob("*.py")))
    kinds = set(re.findall(r"\"([a-z]+(?:-[a-z]+)+)\"", source)) - {"round-trips"}
    assert {"too-small", "seen-definition", "near-duplicate", "lost-by-tokenizer"} <= kinds
    missing = {name for name in (*AUDITS, *kinds) if f"`{name}`" not in page}
    assert not missing


def test_findings_that_say_the_same_of_many_places_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "a", "label": null}\n' * 40)
    done = check(tmp_path / "x.jsonl")
    assert done.returncode == 2
    (line,) = (line for line in done.stdout.splitlines() if "label is null" in line)
    assert "x.jsonl:1" in line
    assert "(here and in 39 more places; --all shows them)" in line
    assert check(tmp_path / "x.jsonl", "--all").stdout.count("label is null") == 40
