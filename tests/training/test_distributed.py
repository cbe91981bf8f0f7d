"""Two processes against one: the same losses, weights and answers; failures, signals and kills are shared by all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.studies.conftest import study_text
from tests.training.cases_together import CASES, FSDP, NOT_SHARDED, go_on
from tests.training.cases_together import several_tasks as rows
from tuition.base.errors import UserError
from tuition.evaluation.predict import Prediction
from tuition.models.tokens import TokenizedPrompt
from tuition.studies.engines.distributed_answers import answer_in_parts
from tuition.training.batch_sharding import divide
from tuition.training.distributed import ALONE, Group, join, launched
from tuition.training.sharding import Sharding, read_sharding

ROOT = Path(__file__).resolve().parents[2]
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
COMPARED = [f"{way} {name}" for way in ("DDP", "FSDP") for name in CASES if way == "DDP" or name not in NOT_SHARDED]


def launch(arguments: Sequence[str], environment: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**given, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made of all cases."""
    folder = tmp_path_factory.mktemp("together")
    done = launch([*TWO, "-m", "tests.training.cases_together", str(folder)])
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("told", COMPARED)
def test_two_processes_learn_what_one_does(told: str, together: Path, tmp_path: Path) -> None:
    name = told.partition(" ")[2]
    case = CASES["unstopped" if name == "stopped" else name]
    one, two = case(ALONE, tmp_path), load_file(together / f"{told}.safetensors")
    if name == "full memory":  # two processes run out at other budgets than one
        del one["facts"], two["facts"]
    if told == "FSDP windows":  # FSDP shares by packing, which counts columns; windows then share nothing
        assert float(two["facts"][0]) == 0
        two["facts"][0] = one["facts"][0]
    assert one.keys() == two.keys()
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=1e-4, atol=2e-5, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["DDP", "FSDP"])
def test_a_run_that_was_stopped_in_one_process_goes_on_bit_for_bit(way: str, together: Path) -> None:
    whole, again = (load_file(together / f"{way} {name}.safetensors") for name in ("unstopped", "stopped"))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[key], again[key]) for key in whole)
    assert {file.suffix for file in (together / f"{way} stopped" / "kept").iterdir()} == {".safetensors", ".json"}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["DDP", "FSDP"])
def test_what_two_processes_kept_one_goes_on_from(way: str, together: Path) -> None:
    made = go_on(ALONE, together / f"{way} stopped" / "kept")
    assert int(made.pop("resumed")) == 4
    for name, value in load_file(together / f"{way} unstopped.safetensors").items():
        if name != "facts":
            torch.testing.assert_close(made[name], value, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
def test_memory_that_one_process_lacks_is_halved_in_all(together: Path) -> None:
    assert float(load_file(together / "DDP full memory.safetensors")["facts"][2]) >= 1


@pytest.mark.slow
def test_what_fails_in_one_process_is_told_in_all_and_the_next_step_goes_on(together: Path) -> None:
    first, last = json.loads((together / "refusals.json").read_text())
    for told in (first, last):
        assert "of processes [1] differ from those of process 0" in told["other weights"]
        assert told["goes on"] == "nothing"
        assert "use MULTI_GPU" in told["soft prompt under FSDP"]
        assert "set optimiser: adamw" in told["Adafactor under FSDP"]
    assert last["one fails"] == "ValueError: luck ran out"
    assert first["one fails"] == "PeerFailedError: process 1: ValueError: luck ran out"


def cost(part: Sequence[TokenizedPrompt], *, share: bool) -> int:
    prefixes = {row.prefix for row in part} if share else [row.prefix for row in part]
    return sum(len(prefix) for prefix in prefixes) + sum(len(row.body) + len(row.target) for row in part)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("parts", [1, 2, 3, 7, 40])
def test_a_batch_is_divided_whole_and_evenly(parts: int, share: bool) -> None:
    made = divide(rows(), parts, share_prefix=share)
    assert len(made) == parts
    assert sorted((row for part in made for row in part), key=repr) == sorted(rows(), key=repr)
    costs = [cost(part, share=share) for part in made]
    longest = max(len(row.ids) for row in rows())
    assert max(costs) <= cost(rows(), share=share) / parts + 2 * longest
    assert divide([], 3, share_prefix=share) == [[], [], []]


def test_one_prefix_of_many_rows_is_divided_too_for_one_process_would_have_all_the_work() -> None:
    task = [TokenizedPrompt((1, 2, 3), (4,), (5, 6)) for _ in range(8)]
    assert [len(part) for part in divide(task, 4, share_prefix=True)] == [2, 2, 2, 2]


def test_draws_that_go_by_a_prompts_place_are_not_divided() -> None:
    made = [Prediction(str(at), 1, True) for at in range(len(rows()))]
    found = answer_in_parts(Group(1, 2), rows(), lambda part: made[: len(part)], drawn=True)
    assert found == made


def test_what_no_launcher_started_is_alone() -> None:
    assert not launched({})
    assert not launched({"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "x", "MASTER_PORT": "1"})
    assert not launched({"WORLD_SIZE": "8"})  # a cluster's own variable, without a launcher's others
    assert launched({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"})
    assert join() is ALONE
    assert ALONE.meet("here", 1, 2) == [(1, 2)]
    assert ALONE.gather("x") == ["x"]


def test_accelerates_settings_of_fsdp_are_read_or_refused() -> None:
    assert read_sharding({}) is None
    assert read_sharding(FSDP) == Sharding()
    told = {**FSDP, "FSDP_RESHARD_AFTER_FORWARD": "false", "FSDP_TRANSFORMER_CLS_TO_WRAP": "T5Block, Other"}
    assert read_sharding(told) == Sharding(reshard=False, blocks=("T5Block", "Other"))
    for name, value, advice in (
        ("FSDP_VERSION", "1", "fsdp_version: 2"),
        ("FSDP_OFFLOAD_PARAMS", "true", "LoRA"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "gradient_checkpointing: true in the recipe"),
        ("FSDP_AUTO_WRAP_POLICY", "SIZE_BASED_WRAP", "TRANSFORMER_BASED_WRAP"),
        ("FSDP_IGNORED_MODULES", "lm_head", "all weights are sharded"),
    ):
        with pytest.raises(UserError, match=advice):
            read_sharding({**FSDP, name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ACCELERATE_USE_DEEPSPEED", "true", "DeepSpeed"),
        ("ACCELERATE_MIXED_PRECISION", "bf16", "the study's own `precision` decides"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", "dynamo_backend: inductor"),
    ],
)
def test_what_accelerate_is_asked_for_and_is_not_done_is_refused_before_anything_is_loaded(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, given in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(key, given)
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        join()


@pytest.fixture
def study(write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> Path:
    """One arm that learns two seen tasks fully and then an unseen one by LoRA, and one that guesses."""
    for number in (1, 2, 3):
        folder = write_task(number=number, definition=f"Say the colour{'!' * number}")
    recipe = {"name": "small-data", "epochs": 6, "batch_size": 6, "learning_rate": 1e-2}
    seen = {"on": "seen", "labels": 6, "encoding": "quick-learners", "recipe": {**recipe, "tuner": "full"}}
    text = study_text(
        folder,
        tiny_model,
        tasks={"collection": str(folder), "names": ["task003"], "seen": ["task001", "task002"]},
        arms={
            "chain": [seen, {"encoding": "quick-learners", "recipe": recipe}],
            "guess": [{"setting": "heuristic", "heuristic": "majority-label"}],
        },
        labels=[0, 12],
        judge={"test": 7, "validation": 2, "new_tokens": 4},
    )
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(text))
    return path


def assert_alike(one: Path, two: Path) -> None:
    """Two runs have the same scores and answers, and the same weights but for rounding."""
    assert (one / "scores.csv").read_bytes() == (two / "scores.csv").read_bytes()
    for kind, pattern in (("adapters", "*/*.safetensors"), ("predictions", "*.parquet")):
        found, others = ({file.relative_to(of) for file in (of / kind).glob(pattern)} for of in (one, two))
        assert found == others
        assert found
    for file in one.glob("predictions/*"):
        assert pq.read_table(file).equals(pq.read_table(two / "predictions" / file.name))
    for file in one.glob("adapters/*/*.safetensors"):
        weights, same = load_file(file), load_file(two / file.relative_to(one))
        for name in weights:
            torch.testing.assert_close(same[name], weights[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["accelerate-cpu.yaml", "accelerate-fsdp-cpu.yaml"])
def test_accelerate_launch_runs_a_study_as_one_process_does(config: str, study: Path, tmp_path: Path) -> None:
    command = ["-m", "tuition", "run", str(study), "--out"]
    one = launch([*command, str(tmp_path / "one")])
    assert one.returncode == 0, one.stderr
    given = ["-m", "accelerate.commands.launch", "--config_file", str(ROOT / "docs" / "examples" / config)]
    two = launch([*given, *command, str(tmp_path / "two")])
    assert two.returncode == 0, two.stderr[-3000:]
    assert "2 processes train and answer together" in two.stderr
    assert two.stdout.count("Report: ") == two.stderr.count("[6/6]") == 1  # one process prints
    assert_alike(tmp_path / "one", tmp_path / "two")


def learning_ranks(launcher: int) -> dict[int, int]:
    """The launcher's processes by their ranks, once all of them are learning: they then catch SIGTERM."""
    for _ in range(3000):
        time.sleep(0.1)
        children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
        told = [Path(f"/proc/{pid}/{file}").read_text() for pid in children for file in ("environ", "status")]
        ranks = [re.search(r"\0RANK=(\d+)", text) for text in told[::2]]
        caught = [re.search(r"SigCgt:\s*(\w+)", text) for text in told[1::2]]
        bit = 1 << (signal.SIGTERM - 1)
        if len(children) == 2 and all(mask and int(mask[1], 16) & bit for mask in caught):
            return {int(rank[1]): int(pid) for rank, pid in zip(ranks, children, strict=True) if rank}
    raise AssertionError("the processes never began to learn")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
@pytest.mark.parametrize("whom", ["a process is killed", "the launcher is stopped"])
def test_all_end_with_a_state_that_is_kept_and_the_same_command_goes_on(whom: str, study: Path, tmp_path: Path) -> None:
    text = yaml.safe_load(study.read_text())
    text["arms"]["chain"][0]["recipe"] |= {"epochs": 80, "learning_rate": 1e-3}
    study.write_text(yaml.safe_dump(text))
    command = ["-m", "tuition", "run", str(study), "--out"]
    out = tmp_path / "out"
    started = subprocess.Popen(
        [sys.executable, *TWO, *command, str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ranks = learning_ranks(started.pid)
    time.sleep(0.3)  # in the midst of the first stage
    if whom == "a process is killed":
        os.kill(ranks[1], signal.SIGKILL)
    else:
        os.kill(started.pid, signal.SIGTERM)
    _, told = started.communicate(timeout=600)
    assert started.returncode != 0
    assert not list(out.glob("adapters/*"))
    assert list(out.glob("checkpoints/*/state.safetensors")), told
    expected = "one of them has ended" if whom == "a process is killed" else "the same command resumes"
    assert expected in told, told
    again = launch([*TWO, *command, str(out)])
    assert again.returncode == 0, again.stderr[-3000:]
    one = launch([*command, str(tmp_path / "one")])
    assert one.returncode == 0
    assert_alike(tmp_path / "one", out)


@pytest.mark.slow
def test_a_study_that_cannot_be_planned_ends_all_processes_with_its_error(study: Path, tmp_path: Path) -> None:
    text = yaml.safe_load(study.read_text())
    study.write_text(yaml.safe_dump({**text, "model": "/no/such/model"}))
    done = launch([*TWO, "-m", "tuition", "run", str(study), "--out", str(tmp_path / "out")])
    assert done.returncode != 0
    assert done.stderr.count("tuition: /no/such/model: no such folder") == 1


def test_a_process_of_several_says_all_and_keeps_its_exit_code_without_taking_the_interpreter_apart() -> None:
    code = (
        "import atexit, sys; from tuition.training.distributed import end_process\n"
        "atexit.register(print, 'taken apart'); print('done'); print('told', file=sys.stderr); end_process(3)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "done\n", "told\n")
