"""By what a study judges: ranked options, decoding, usual metrics, probes, the self-test; and which keys they move."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import SHARED
from tests.studies.conftest import Listener, study_text
from tuition.base.errors import ProblemsError, UserError
from tuition.base.fingerprints import fingerprint
from tuition.evaluation.options.rank import neutral_prompt, option_questions, rank
from tuition.evaluation.options.rankings import NORMALISATIONS, RANK_METRICS
from tuition.evaluation.scoring import ScoreChoice, score_predictions
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.load import load_model
from tuition.prompts import ENCODINGS
from tuition.prompts.encode import answers, encode
from tuition.splits import TaskLabels
from tuition.studies.engines import option_scoring
from tuition.studies.planning.evaluation_notes import decoding_words
from tuition.studies.planning.metric_selection import MetricSelection
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.rows import TaskRows
from tuition.studies.prompted_model import PromptedModel
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, plan_study, run_plan
from tuition.studies.spec.study import Evaluate, StudySpec, parse_study
from tuition.studies.storage.store import open_store
from tuition.tasks import Instance, Task

JUDGE = {"test": 6, "validation": 2, "new_tokens": 4}
WAYS = tuple(RANK_METRICS)


@pytest.fixture
def two_tasks(write_task: Callable[..., Path], tiny_model: Path) -> Callable[..., StudySpec]:
    """Return a function that makes a study of a task with three colours for answers, and one with free answers."""
    folder = write_task(1)
    free = json.loads((folder / "task001_colours.json").read_text())
    for at, row in enumerate(free["Instances"]):
        row["id"], row["output"] = f"task002-{at}", [f"answer {at}"]
    (folder / "task002_free.json").write_text(json.dumps(free))

    def make(judge: dict[str, object], model: Path = tiny_model, **changes: object) -> StudySpec:
        arms = {"zero-shot": [{"setting": "in-context", "encoding": "definition+2-positive"}]}
        text = study_text(folder, model, arms=arms, labels=[0], judge=JUDGE | judge) | changes
        return parse_study(text, Path("x"))

    return make


def planned(spec: StudySpec) -> Plan:
    return make_plan(spec, model_identity="m", precision="float32")


def run(spec: StudySpec, out: Path) -> StudyResults:
    listener = Listener()
    plan = plan_study(spec, listener)
    with open_store(out) as store:
        assert run_plan(plan, store, listener) == []
        assert len(listener.ended) == len(plan.work)
        assert run_plan(plan, store, listener) == []
        assert len(listener.ended) == len(plan.work)
        return gather(plan, store)


def metrics_of(results: StudyResults, task: str) -> tuple[str, ...]:
    return tuple(row.metric for row in results.scores if row.task.startswith(task))


def test_what_is_left_at_its_default_stands_in_no_key(two_tasks: Callable[..., StudySpec]) -> None:
    listed = planned(two_tasks({"metrics": ["rouge_l", "exact_match"]}))
    for step in listed.evaluations:
        told = [
            (encode(step.task, row, step.encoding, seed=1), row.id, answers(step.task, row, step.encoding, seed=1)[0])
            for row in step.instances
        ]
        recipe = step.recipe
        before = (
            ("evaluate", 2, ("m", "float32"), [], told, step.encoding),
            ("", []),
            (
                *(recipe.max_length, recipe.too_long, recipe.cut, recipe.share_prefix),
                *(("rouge_l", "exact_match"), 4, step.typical_outputs),
            ),
        )
        assert step.key == fingerprint(before)
    colours, free = (step.key for step in listed.evaluations)
    usual = planned(two_tasks({}))
    assert usual.evaluations[1].key == free
    assert usual.evaluations[0].key != colours  # it is judged by accuracy, too
    ranked = planned(two_tasks({"metrics": ["rouge_l", "exact_match"], "rank": "all"}))
    assert ranked.evaluations[1].key == free
    assert ranked.evaluations[0].key != colours
    greedy = planned(two_tasks({"metrics": ["rouge_l", "exact_match"], "decoding": {"beams": 1}}))
    assert [step.key for step in greedy.evaluations] == [colours, free]
    for decoding in ({"beams": 2}, {"temperature": 0.5}, {"stop": ["x"]}):
        other = planned(two_tasks({"metrics": ["rouge_l", "exact_match"], "decoding": decoding}))
        assert not {colours, free} & {step.key for step in other.evaluations}


def test_draws_differ_by_seed_and_greedy_answers_do_not(two_tasks: Callable[..., StudySpec]) -> None:
    drawn = planned(two_tasks({"decoding": {"temperature": 0.5}}, seeds=[1, 2]))
    assert len(drawn.work) == 4
    assert len(planned(two_tasks({"decoding": {"beams": 2}}, seeds=[1, 2])).work) == 2


def test_usual_metrics_are_those_of_each_task_and_listed_ones_are_all_there_are(
    two_tasks: Callable[..., StudySpec],
) -> None:
    usual = planned(two_tasks({}))
    assert [step.metrics for step in usual.evaluations] == [
        ("rouge_l", "exact_match", "accuracy"),
        ("rouge_l", "exact_match"),
    ]
    assert {step.metrics for step in planned(two_tasks({"metrics": ["chrf"]})).evaluations} == {("chrf",)}


@pytest.mark.parametrize("model", ["tiny_model", "tiny_t5"])
def test_options_are_ranked_as_the_library_ranks_them_and_scored_again_alike(
    two_tasks: Callable[..., StudySpec], model: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(model)
    spec = two_tasks({"rank": "all"}, folder)
    results = run(spec, tmp_path / "out")
    assert metrics_of(results, "task001") == ("rouge_l", "exact_match", "accuracy", *WAYS)
    assert metrics_of(results, "task002") == ("rouge_l", "exact_match")
    assert any("not ranked, since they have no closed set of options: task002_free" in told for told in results.notices)
    assert ("Ranked options", "of 1 task from the answers of its training rows, a closed set") in results.facts

    step = planned(spec).evaluations[0]
    assert step.option_scoring is not None
    assert set(step.option_scoring.options[0]) == {"red", "green", "blue"}
    loaded = load_model(str(folder), precision="float32")
    prompts = loaded.tokens([encode(step.task, row, step.encoding) for row in step.instances])
    bare = [neutral_prompt(step.task, row, step.encoding) for row in step.instances]
    found = rank(
        loaded.model,
        option_questions(
            loaded,
            prompts,
            step.option_scoring.options,
            neutral=loaded.tokens([prompt for prompt in bare if prompt]),
        ),
    )
    kept = {row.instance: row for row in results.predictions if row.task == step.task.name}
    for row, ranking in zip(step.instances, found, strict=True):
        stored = kept[row.id].ranking
        assert stored is not None
        assert stored.options == ranking.options
        for way in NORMALISATIONS:
            assert stored.scores[way] == pytest.approx(ranking.scores[way], abs=1e-4)
            assert kept[row.id].scores[f"rank_{way}"] == float(stored.chosen(way) in row.outputs)

    again = score_predictions(ScoreChoice(tmp_path / "out", profiles=("rouge_l", *WAYS)))
    figures = {one.metric: one for one in again.systems[0].figures if one.average == "micro"}
    for row in results.scores:
        if row.metric in RANK_METRICS:
            assert (figures[row.metric].value, figures[row.metric].n) == (row.value, 6)
    assert figures["rouge_l"].n == 12
    assert any("6 of 12 predictions have no ranked options" in told for told in again.notices)


def test_ranking_alone_writes_nothing_and_judges_only_tasks_with_options(
    two_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    results = run(two_tasks({"rank": ["per-token"], "metrics": []}), tmp_path / "out")
    assert {(row.task, row.metric) for row in results.scores} == {("task001_colours", "rank_per_token")}
    assert {row.prediction for row in results.predictions} <= {"red", "green", "blue"}
    assert not any(name == "Longest answer" for name, _ in results.facts)
    with pytest.raises(UserError, match=r"nothing is left to evaluate.*closed set"):
        planned(
            two_tasks({"rank": "all", "metrics": []}).model_copy(
                update={"tasks": two_tasks({}).tasks.model_copy(update={"names": ("task002",)})}
            )
        )


def test_a_heuristics_answer_is_the_option_that_it_chose(two_tasks: Callable[..., StudySpec], tmp_path: Path) -> None:
    arms = {
        name: [{"setting": "heuristic", "heuristic": name}] for name in ("copy-example", "copy-input", "majority-label")
    }
    results = run(two_tasks({"rank": "all"}, arms=arms, labels=[8]), tmp_path / "out")
    of = {(row.arm, row.metric): row.value for row in results.scores if row.task == "task001_colours"}
    for arm in arms:
        assert {of[arm, metric] for metric in WAYS} == {of[arm, "exact_match"]}
    assert of["copy-input", "rank_sum"] == 0
    assert of["majority-label", "rank_sum"] > 0


def test_options_of_few_training_rows_are_sought_in_all_and_that_is_told(
    write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    folder = write_task(1, rows=12)
    text = study_text(folder, tiny_model, labels=[0], judge={**JUDGE, "test": 10, "rank": "sum"})
    results = run(parse_study(text, Path("x")), tmp_path / "out")
    assert any("were found in all rows, including test rows" in notice for notice in results.notices)


def test_answers_that_are_no_option_are_counted(two_tasks: Callable[..., StudySpec], tmp_path: Path) -> None:
    spec = two_tasks({"rank": "sum"})
    path = Path(spec.tasks.collection) / "task001_colours.json"
    task = json.loads(path.read_text())
    for step in planned(spec).evaluations[:1]:
        for row in task["Instances"]:
            if row["id"] in {one.id for one in step.instances[:2]}:
                row["output"] = ["mauve"]
    path.write_text(json.dumps(task))
    results = run(spec, tmp_path / "out")
    assert any("none of whose accepted answers is an option: task001_colours 2 of 6" in n for n in results.notices)


def test_an_encoding_with_rationales_is_not_ranked() -> None:
    rows = tuple(Instance(str(at), "?", ("yes" if at % 2 else "no",), rationale="so") for at in range(8))
    task = Task("t", ("Say.",), lambda: iter(rows), options=("yes", "no"))
    divided = TaskRows(task, TaskLabels("t", rows[:4], (), rows[4:], 0), seeded=False)
    judged = MetricSelection(Evaluate(rank="all"))  # type: ignore[arg-type]
    plain = ENCODINGS["definition"]
    made = judged.option_scoring(divided, plain, 1)
    assert made is not None
    assert (made.origin, made.options[0]) == ("task", ("yes", "no"))
    why = dataclasses.replace(plain, name="why", target=" {rationale} So: {output}", answer_after="So:")
    assert judged.option_scoring(divided, why, 1) is None
    assert judged.notes == ("1 task is not ranked by the encoding 'why', which puts a rationale before the answer: t",)


@pytest.mark.skipif(not (SHARED / "flan").is_dir(), reason="the shared data is not beside the checkout")
def test_flans_two_encodings_rank_the_templates_own_words(tiny_model: Path, tmp_path: Path) -> None:
    text = {
        "study": "flan",
        "tasks": {"collection": str(SHARED / "flan"), "names": ["rte", "agnews"], "over": "capped"},
        "model": str(tiny_model),
        "precision": "float32",
        "arms": {name: [{"setting": "in-context", "encoding": name}] for name in ("flan", "flan-without-options")},
        "labels": [0],
        "judge": {"test": 6, "validation": 2, "new_tokens": 2, "rank": "all"},
    }
    spec = parse_study(text, Path("x"))
    plan = planned(spec)
    assert {step.option_scoring.origin for step in plan.evaluations if step.option_scoring} == {"template"}
    by_arm = {(step.task.name, step.arm): step for step in plan.evaluations}
    listing, bare = by_arm["agnews", "flan"], by_arm["agnews", "flan-without-options"]
    assert listing.option_scoring is not None
    assert bare.option_scoring is not None
    assert listing.option_scoring.options == bare.option_scoring.options
    told = [
        [encode(step.task, row, step.encoding, seed=1).source for row in step.instances] for step in (listing, bare)
    ]
    assert any(
        "OPTIONS:" in prompt for prompt in told[0]
    )  # templates that show their choices themselves list no others
    assert not any("OPTIONS:" in prompt for prompt in told[1])
    results = run(spec, tmp_path / "out")
    assert {row.arm for row in results.scores if row.metric == "rank_pmi"} == {"flan", "flan-without-options"}


def test_processes_rank_their_parts_and_all_get_the_whole(
    two_tasks: Callable[..., StudySpec], tiny_model: Path
) -> None:
    from tuition.training.distributed import ALONE

    class Half:
        size = 2

        def __init__(self, rank: int, others: list[object]) -> None:
            self.rank, self.others, self.told = rank, others, None

        def gather(self, value: object) -> list[object]:
            self.told = json.loads(json.dumps(value))
            return [self.told, *self.others] if self.rank == 0 else [*self.others, self.told]

    step = planned(two_tasks({"rank": "all"})).evaluations[0]
    assert step.option_scoring is not None
    loaded = load_model(str(tiny_model), precision="float32")
    model = PromptedModel(loaded, step.encoding, max_length=1024)
    prepared = option_scoring.prepare_options(step, step.option_scoring, model)
    score = partial(option_scoring.score_options, step, prepared, model, loaded.model)
    alone = score(ALONE, lambda done: None)
    second = Half(1, [])
    with pytest.raises(KeyError):  # half of the rows are not there
        score(second, lambda done: None)  # type: ignore[arg-type]
    both = score(Half(0, [second.told]), lambda done: None)  # type: ignore[arg-type]
    for one, other in zip(alone, both, strict=True):
        assert one.options == other.options
        assert one.scores["pmi"] == pytest.approx(other.scores["pmi"], abs=1e-5)


def test_the_self_test_is_made_once_a_model_and_stands_beside_every_score(
    two_tasks: Callable[..., StudySpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuition.studies.engines import worker

    made = []

    def shaky(*given: object) -> dict[str, object] | None:
        made.append(option_scoring.self_test(*given))  # type: ignore[arg-type]
        return made[-1] and made[-1] | {"batched": 0.5}

    monkeypatch.setattr(worker, "self_test", shaky)
    spec = two_tasks({})
    results = run(spec, tmp_path / "out")
    assert len(made) == 1
    assert (made[0]["rows"], made[0]["precision"], made[0]["batched"]) == (6, "float32", 1.0)
    with open_store(tmp_path / "out") as store:
        details = [store.finished(key).details for key in store.finished_keys()]  # type: ignore[union-attr]
    assert [one["invariance"]["batched"] for one in details] == [0.5, 0.5]
    [told] = [notice for notice in results.notices if "shape of a batch" in notice]
    assert "of 6 answers 3 are the same alone and in a batch" in told
    assert any(name == "Batch invariance" for name, _ in results.facts)


def test_answers_are_decoded_as_the_study_says(two_tasks: Callable[..., StudySpec], tmp_path: Path) -> None:
    def texts(decoding: dict[str, object], place: str, **changes: object) -> list[str]:
        results = run(two_tasks({"decoding": decoding}, **changes), tmp_path / place)
        return [row.prediction for row in results.predictions]

    greedy = texts({}, "greedy")
    hot = {"temperature": 3.0, "seed": 5}
    assert texts(hot, "one") == texts(hot, "two") != greedy
    assert texts(hot, "three", seeds=[2]) != texts(hot, "four")
    mark = next(text[1] for text in greedy if len(text) > 1)
    assert all(mark not in text for text in texts({"stop": mark}, "stop"))


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ({"rank": "logit"}, "'logit' is not a scoring rule"),
        ({"rank": 3}, "name some of sum"),
        ({"decoding": {"beam": 3}}, "unknown settings beam"),
        ({"decoding": {"beams": "x"}}, "it is a whole number"),
        ({"decoding": {"top_p": 0.5}}, "give a temperature"),
        ({"decoding": {"beams": 2, "temperature": 1}}, "choose one of them"),
        ({"metrics": []}, "leaves nothing to evaluate"),
        ({"metrics": [], "rank": "all", "decoding": {"beams": 2}}, "has no effect"),
        ({"probes": ["other-tsk"]}, "did you mean"),
    ],
)
def test_what_cannot_judge_is_refused_where_it_stands(
    two_tasks: Callable[..., StudySpec], judge: dict[str, object], told: str
) -> None:
    with pytest.raises(ProblemsError, match=told):
        two_tasks(judge)


@pytest.mark.parametrize("rank", [True, "all", ["all"], list(NORMALISATIONS)])
def test_all_ways_can_be_asked_for_in_several_ways(rank: object) -> None:
    judge = Evaluate.model_validate({"rank": rank})
    assert judge.rank == tuple(NORMALISATIONS)
    assert Evaluate.model_validate_json(judge.model_dump_json()) == judge
    assert Evaluate.model_validate({"rank": False}) == Evaluate()


def test_decodings_are_told_in_words() -> None:
    assert decoding_words(GREEDY) == "greedy"
    assert decoding_words(Decoding(beams=4, length_penalty=0.6)) == "4 beams, length penalty 0.6"
    drawn = decoding_words(Decoding(temperature=0.7, top_p=0.9, stop=("\n",)))
    assert (
        drawn == r"sampled at temperature 0.7 from the most likely 0.9 of the distribution, seed 0, until one of '\n'"
    )


def test_all_probes_are_those_that_can_be_made_and_the_others_are_told(two_tasks: Callable[..., StudySpec]) -> None:
    plan = planned(two_tasks({"probes": "all"}))
    arms = {step.arm.partition(" · ")[2] for step in plan.evaluations}
    assert arms == {"", "without-definition", "reordered-examples", "swapped-outputs"}
    assert any("not evaluated with the probe 'other-wording'" in note for note in plan.notes)
    assert any("which does not use what it changes" in note for note in plan.notes)


def test_a_named_probe_is_left_out_where_it_cannot_be_made_and_refused_where_it_nowhere_can(
    two_tasks: Callable[..., StudySpec],
) -> None:
    spec = two_tasks({"probes": ["other-wording"]})
    with pytest.raises(UserError, match="its definition has one wording"):
        planned(spec)
    path = Path(spec.tasks.collection) / "task001_colours.json"
    task = json.loads(path.read_text())
    task["Definition"].append("Name the colour.")
    path.write_text(json.dumps(task))
    plan = planned(spec)
    assert [step.task.name for step in plan.evaluations if "·" in step.arm] == ["task001_colours"]
    assert any("1 task is not evaluated with the probe 'other-wording': task002_free" in note for note in plan.notes)


def test_stored_predictions_hold_what_each_option_was_worth(
    two_tasks: Callable[..., StudySpec], tmp_path: Path
) -> None:
    run(two_tasks({"rank": "sum"}), tmp_path / "out")
    tables = [pq.read_table(path) for path in (tmp_path / "out" / "predictions").glob("*.parquet")]
    ranked = [table for table in tables if "options" in table.column_names]
    assert len(ranked) == 1
    for row in ranked[0].to_pylist():
        assert len(row["options"]) == len(row["option_log_probabilities"]) == len(row["option_tokens"]) == 3
        assert all(value < 0 for value in row["option_log_probabilities"])
        assert row["option_pmi"] is None
