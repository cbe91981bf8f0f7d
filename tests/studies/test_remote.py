"""Studies of a remote model: the steps, store and report of any other, each answer paid for once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.remote.conftest import Server, start
from tests.studies.conftest import Listener
from tuition.base.errors import ProblemsError, UserError
from tuition.evaluation.remote import answer_remotely
from tuition.prompts.types import Prompt
from tuition.studies.planning.plan import make_plan
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, plan_study, run_plan
from tuition.studies.spec.study import StudySpec, parse_study
from tuition.studies.storage.store import open_store

pytest.importorskip("httpx2", reason="remote models are an optional extra")

TASKS = ("task001_starter_support_team", "task009_starter_notice_claims", "task005_starter_analogy")
SECRET = "sk-proj-Zq81mMc0aXv5tB7uYw3e"


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    process, server = start()
    yield server
    process.kill()
    process.communicate()


@pytest.fixture
def server(served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    for name in ("TUITION_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    served.control(script=[], always="", key="", seen=[], served=0, answer="", offers="echo")
    return served


def study(server: Server, *, form: str = "openai", remote: dict[str, Any] | None = None, **changes: Any) -> StudySpec:
    stage = {"setting": "in-context", "encoding": "definition+2-positive"}
    data = {
        "study": "remote",
        "tasks": {"collection": "starter", "names": list(TASKS), "over": "capped"},
        "model": f"{form}:made@{server.url}",
        "arms": {"plain": [stage]},
        "labels": [0],
        "judge": {"test": 4, "validation": 4, "metrics": ["rouge_l"]},
        "remote": {"attempts": 1, "concurrency": 2, **(remote or {})},
        **changes,
    }
    return parse_study(data, Path("--"))


def run(spec: StudySpec, folder: Path) -> tuple[StudyResults, Listener]:
    listener = Listener()
    with open_store(folder) as store:
        plan = plan_study(spec, listener)
        assert [failure.step for failure in run_plan(plan, store, listener)] == [f.step for f in listener.failed]
        return gather(plan, store), listener


def test_a_study_is_judged_by_a_server_and_tells_what_that_took(server: Server, tmp_path: Path) -> None:
    spec = study(server, remote={"prices": {"prompt": 1.0, "answer": 2.0}, "budget": "1M tokens"})
    results, listener = run(spec, tmp_path / "run")
    assert (len(results.predictions), len(results.scores), listener.failed) == (12, 3, [])
    assert all(row.prediction.startswith("answer ") for row in results.predictions)
    facts = dict(results.facts)
    assert facts["Model"].endswith("computing in its server's precision")
    assert facts["Answered by"] == "made"
    assert facts["Remote answers"].startswith("12 answers of ")
    assert facts["Remote answers"].endswith("at 1 and 2 per million")
    said = listener.said[0]
    assert "12 requests to send, about " in said
    assert "guessed, one for every 4 bytes" in said
    assert "the budget is 1000000 tokens; no key was sent" in said
    assert listener.said[-1].startswith("12 answers for ")


def test_a_finished_study_asks_nothing_and_another_folder_pays_nothing(server: Server, tmp_path: Path) -> None:
    first, _ = run(study(server), tmp_path / "run")
    asked = len(server.seen)
    again, listener = run(study(server), tmp_path / "run")
    assert (again.predictions, listener.ended, listener.said) == (first.predictions, [], [])
    elsewhere, listener = run(study(server), tmp_path / "other")
    assert elsewhere.predictions == first.predictions
    assert "0 requests to send (12 are answered in" in listener.said[0]
    assert len(server.seen) == asked == 12


def test_what_was_paid_for_before_a_failure_is_not_paid_for_again(server: Server, tmp_path: Path) -> None:
    server.control(script=[""] * 6, always="status:500")
    results, listener = run(study(server), tmp_path / "run")
    assert len(results.scores) == 1
    assert len(listener.failed) == 1
    assert "HTTP 500" in listener.failed[0].reason
    assert listener.said[-2] == "1 more steps were not run; the same command goes on with them"
    assert server.served == 6
    server.control(always="")
    results, listener = run(study(server), tmp_path / "run")
    assert (len(results.scores), listener.failed, server.served) == (3, [], 12)


def test_a_run_killed_in_the_middle_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.control(delay=0.3)
    code = (
        "import sys; from pathlib import Path; from tests.studies.test_remote import run, study;"
        "from tests.evaluation.remote.conftest import Server;"
        "run(study(Server(int(sys.argv[1]))), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(server.port), str(tmp_path / "run")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    while server.served < 5:
        assert process.poll() is None
    process.kill()
    process.wait()
    server.control(delay=0.0)
    results, _ = run(study(server), tmp_path / "run")
    assert len(results.predictions) == 12
    # Only what was on its way when the process died (two at once) was asked for again.
    assert 12 <= len(server.seen) <= 14


def test_a_wrong_key_stops_after_the_first_requests_and_stands_in_no_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUITION_API_KEY", SECRET)
    server.control(key="another")
    _, listener = run(study(server), tmp_path / "run")
    assert len(server.seen) <= 2
    assert "refuses the key" in listener.failed[0].reason
    server.control(key=SECRET, answer=f"the key is {SECRET}")
    run(study(server), tmp_path / "run")
    assert "the key came from TUITION_API_KEY" in listener.said[0]
    assert SECRET not in "".join([*listener.said, listener.failed[0].reason])
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 4
    assert all(SECRET.encode() not in file.read_bytes() for file in files)


def test_a_request_that_is_not_understood_leaves_the_other_steps_alone(server: Server, tmp_path: Path) -> None:
    server.control(script=["status:400"])
    results, listener = run(study(server, remote={"concurrency": 1}), tmp_path / "run")
    assert (len(listener.failed), len(results.scores)) == (1, 2)


def test_a_budget_ends_a_run_cleanly_and_a_larger_one_goes_on(server: Server, tmp_path: Path) -> None:
    results, listener = run(study(server, remote={"budget": "1500 tokens"}), tmp_path / "run")
    assert "the budget of 1500 tokens is used up" in listener.failed[0].reason
    bought = server.served
    assert 0 < bought < 12
    results, listener = run(study(server, remote={"budget": "50k tokens"}), tmp_path / "run")
    assert (len(results.predictions), listener.failed, server.served) == (12, [], 12)


def test_heuristics_stand_beside_a_remote_model_and_ask_nothing(server: Server, tmp_path: Path) -> None:
    arms = {"copied": [{"setting": "heuristic", "heuristic": "copy-input"}]}
    results, listener = run(study(server, arms=arms), tmp_path / "run")
    assert (len(results.predictions), server.seen, listener.said) == (12, [], [])


def test_few_shot_prompts_show_labels_and_chat_encodings_go_to_the_chat(server: Server, tmp_path: Path) -> None:
    arms = {"chat": [{"setting": "in-context", "encoding": "definition+2-positive", "chat": True}]}
    run(study(server, form="openai-completions", arms=arms), tmp_path / "chat")
    assert {seen["path"] for seen in server.seen} == {"/v1/chat/completions"}
    server.control(seen=[])
    arms = {"raw": [{"setting": "in-context", "encoding": "definition+2-positive"}]}
    run(study(server, form="openai-completions", arms=arms, labels=[2]), tmp_path / "raw")
    assert {seen["path"] for seen in server.seen} == {"/v1/completions"}


@pytest.mark.parametrize(("form", "ways"), [("openai", 1), ("openai-completions", 5)])
def test_options_are_ranked_and_written_nothing_if_so_asked(
    server: Server, tmp_path: Path, form: str, ways: int
) -> None:
    judge = {"test": 4, "validation": 4, "metrics": [], "rank": "all"}
    results, listener = run(study(server, form=form, judge=judge), tmp_path / "run")
    assert listener.failed == []
    assert len(results.scores) == 2 * ways
    assert {score.metric for score in results.scores} >= {"rank_sum"}
    told = [notice for notice in results.notices if "first token of a chat's answer" in notice]
    assert len(told) == (2 if form == "openai" else 0)


def test_a_chat_ranks_by_no_other_way_than_the_sum(server: Server, tmp_path: Path) -> None:
    judge = {"test": 4, "metrics": [], "rank": ["per_token"]}
    _, listener = run(study(server, judge=judge), tmp_path / "run")
    assert all("ask the model by openai-completions:" in failure.reason for failure in listener.failed)
    assert len(listener.failed) == 2
    assert server.seen == []


def test_thoughts_that_use_up_an_answer_are_told(server: Server, tmp_path: Path) -> None:
    answer = '{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}'
    server.control(always=f"json:{answer}")
    results, _ = run(study(server), tmp_path / "run")
    assert sum("raise evaluate.new_tokens" in notice for notice in results.notices) == 3
    assert dict(results.facts)["Remote answers"].endswith("and 12 that the server did not count")


def keys(spec: StudySpec) -> set[str]:
    plan = make_plan(spec, model_identity=spec.remote.identity(spec.model), precision="")
    return {step.key for step in plan.steps}


def test_keys_hold_what_decides_answers_and_nothing_else(server: Server) -> None:
    plain = keys(study(server))
    same = {
        "prices": {"prompt": 1, "answer": 1},
        "budget": "5",
        "concurrency": 7,
        "timeout": 9,
        "key_variable": "A_KEY",
    }
    assert keys(study(server, remote=same)) == plain
    judge = {"test": 4, "validation": 4, "metrics": ["rouge_l"]}
    others = [
        study(server, remote={"system": "Be short."}),
        study(server, remote={"fields": {"top_k": 1}}),
        study(server, form="openai-completions"),
        study(server, model=f"openai:other@{server.url}"),
        study(server, judge={**judge, "decoding": {"temperature": 0.5}}),
        study(server, judge={**judge, "decoding": {"stop": ["\n"]}}),
    ]
    assert all(plain.isdisjoint(keys(other)) for other in others)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"arms": {"tuned": [{"encoding": "input-only"}]}, "labels": [4]},
            "cannot be tuned, and tuned",
        ),
        ({"judge": {"decoding": {"beams": 2}}}, r"beam search \(2 beams\) is not possible"),
        ({"precision": "float32"}, "remove `precision`"),
        ({"model": "smollm2-135m"}, "`model` is not one"),
        ({"remote": {"budget": "5"}}, "needs the model's prices"),
        ({"remote": {"budget": "much"}}, "write `2.50`"),
        ({"remote": {"prices": {"prompt": -1, "answer": 1}}}, "remote.prices.prompt"),
        ({"remote": {"url": "http://h"}}, "unknown key remote.url"),
        ({"remote": {"key_variable": SECRET}}, "never the key itself"),
        ({"model": f"openai:m@https://me:{SECRET}@h.example/v1"}, "keys in the environment"),
    ],
)
def test_what_no_server_does_is_refused_before_anything_is_asked(
    server: Server, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises((UserError, ProblemsError), match=says) as caught:
        study(server, **changes)
    assert SECRET not in str(caught.value)


def test_the_same_prompts_are_asked_as_in_python(server: Server, tmp_path: Path) -> None:
    spec = study(server)
    run(spec, tmp_path / "run")
    before = len(server.seen)
    body = server.seen[0]["body"]
    prompt = Prompt(body["messages"][0]["content"], "", "")
    answer_remotely(spec.remote.endpoint(spec.model), [prompt], new_tokens=body["max_tokens"])
    assert len(server.seen) == before
