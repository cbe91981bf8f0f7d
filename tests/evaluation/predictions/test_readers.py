"""Each format of predictions, in its own words, and what is wrong in any of them told together."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tuition.base.errors import ProblemsError, UserError
from tuition.evaluation.predictions import PREDICTION_READERS, find_prediction_reader, read_predictions
from tuition.evaluation.predictions.references import found_references, own_references
from tuition.studies.results import PredictionRow
from tuition.studies.storage.store import StepOutcome, open_store


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def kinds(error):
    return [problem.kind for problem in error.value.problems]


def test_tk_instructs_lines(tmp_path) -> None:
    row = {
        "id": "task1-a",
        "Task": "task1_x",
        "Source": ["qasc"],
        "Categories": ["Question Answering", "Other"],
        "Input_language": ["English"],
        "Output_language": ["French"],
        "Definition": ["Say."],
        "Instance": {"id": "task1-a", "input": "?", "output": ["oui", "Oui"]},
        "Prediction": "non 👩‍👧 שלום",
    }
    path = write_lines(
        tmp_path / "predicted_examples.jsonl",
        [row, {**row, "Prediction": "", "id": "task1-b", "Instance": {"output": ["x"]}}],
    )
    assert find_prediction_reader(path).name == "tk_instruct"
    first, second = read_predictions(path)
    assert (first.text, first.references) == ("non 👩‍👧 שלום", ("oui", "Oui"))
    assert (first.task, first.instance, first.category) == ("task1_x", "task1-a", "Question Answering")
    assert (first.dataset, first.language) == ("qasc", "cross-lingual")
    assert (second.text, second.instance) == ("", "task1-b")


def test_tk_instructs_own_key_is_known_in_either_case(tmp_path) -> None:
    row = {"Task": "t", "Definition": "d", "Instance": {"id": "1", "output": ["a"]}, "prediction": "b"}
    assert read_predictions(write_lines(tmp_path / "x.jsonl", [row]))[0].text == "b"


def test_natural_instructions_predictions_count_their_instances(tmp_path) -> None:
    path = tmp_path / "subtask002_quoref@_Definition@0_100.json"
    path.write_text(json.dumps({"predictions": [{"index": 3, "output": "a\rb"}, {"index": 0, "output": ""}]}))
    assert find_prediction_reader(path).name == "ni_v1"
    assert [(row.task, row.index, row.text) for row in read_predictions(path)] == [
        ("subtask002_quoref", 3, "a\rb"),
        ("subtask002_quoref", 0, ""),
    ]


LOGGED = {
    "doc_id": 0,
    "doc": {"q": "Is fire hot?"},
    "target": "0",
    "arguments": {
        "gen_args_0": {"arg_0": "Is fire hot?", "arg_1": " yes"},
        "gen_args_1": {"arg_0": "Is", "arg_1": " no"},
    },
    "resps": [[["-0.1", "False"]], [["-0.5", "False"]]],
    "filtered_resps": [["-0.1", "False"], ["-0.5", "False"]],
    "filter": "none",
}


def test_a_harness_log_of_ranked_options(tmp_path) -> None:
    """As lm-evaluation-harness 0.4.13 writes it: numbers as text, the target as the option's position."""
    rows = [LOGGED, {**LOGGED, "doc_id": 1, "target": "no"}]
    path = write_lines(tmp_path / "samples_tiny_mc_2026-11-21T08-45-58.633110.jsonl", rows)
    assert find_prediction_reader(path).name == "lm_eval"
    first, second = read_predictions(path)
    assert (first.text, first.references, first.options) == ("yes", ("yes",), ("yes", "no"))
    assert (first.task, first.instance, first.system) == ("tiny_mc", "0", "")
    assert (second.text, second.references) == ("yes", ("no",))


def test_a_folder_of_harness_logs_with_two_filters(tmp_path) -> None:
    row = {"doc_id": 4, "target": "['a', 'b']", "resps": [["a x"]], "filtered_resps": ["a x"], "filter": "strict"}
    write_lines(tmp_path / "samples_gen.jsonl", [row, {**row, "filtered_resps": [["a", "b"]], "filter": "flexible"}])
    write_lines(tmp_path / "samples_other.jsonl", [{**row, "target": "[unclosed"}])
    rows = read_predictions(tmp_path)
    assert [(row.task, row.system, row.text) for row in rows] == [
        ("gen", "strict", "a x"),
        ("gen", "flexible", "a"),
        ("other", "strict", "a x"),
    ]
    assert [row.references for row in rows] == [("a", "b"), ("a", "b"), ("[unclosed",)]


def test_json_lines_as_predict_prints_them(tmp_path) -> None:
    rows = [
        {"task": "t", "id": "1", "prediction": "None", "references": ["None", "none"]},
        {"task": "t", "id": 2, "prediction": "x", "reference": "y", "model": "m"},
    ]
    read = read_predictions(write_lines(tmp_path / "p.jsonl", rows))
    assert [(row.text, row.references, row.instance, row.system) for row in read] == [
        ("None", ("None", "none"), "1", ""),
        ("x", ("y",), "2", "m"),
    ]


def test_tables_keep_every_cell_as_text(tmp_path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(b'id,prediction,references\r\n1,NA,"[""NA"", ""1.0""]"\r\n2,"a\rb\n,c","[""x""]"\r\n')
    rows = read_predictions(path)
    assert [(row.instance, row.text, row.references) for row in rows] == [
        ("1", "NA", ("NA", "1.0")),
        ("2", "a\rb\n,c", ("x",)),
    ]
    path.write_text("prediction\treference\tignored\nnull\t\t7\n")
    assert [(row.text, row.references) for row in read_predictions(path)] == [("null", ("",))]


def study(folder, answers=("red", "blue")):
    with open_store(folder) as store:
        for labels in (0, 16):
            rows = [
                PredictionRow("task1", "arm", labels, 1, f"i{at}", "?", text, ("red",), {"rouge_l": 1.0})
                for at, text in enumerate(answers)
            ]
            store.write_predictions(f"key{labels}", rows)
            store.finish(
                f"key{labels}",
                StepOutcome(kind="evaluate", task="task1", arm="arm", labels=labels, seed=1, seconds=0, details={}),
            )
        trained = StepOutcome(kind="train", task="", arm="arm", labels=16, seed=1, seconds=0, details={})
        store.finish("trained", trained)
    return folder


def test_a_studys_folder_keeps_arms_budgets_and_seeds_apart(tmp_path) -> None:
    folder = study(tmp_path / "run")
    rows = read_predictions(folder)
    assert [(row.system, row.instance, row.text) for row in rows] == [
        ("arm, 0 labels, seed 1", "i0", "red"),
        ("arm, 0 labels, seed 1", "i1", "blue"),
        ("arm, 16 labels, seed 1", "i0", "red"),
        ("arm, 16 labels, seed 1", "i1", "blue"),
    ]
    one = read_predictions(folder / "predictions" / "key16.parquet")
    assert [(row.system, row.references) for row in one] == [("", ("red",)), ("", ("red",))]


def test_a_study_whose_file_is_gone_is_told(tmp_path) -> None:
    folder = study(tmp_path / "run")
    (folder / "predictions" / "key0.parquet").unlink()
    (folder / "predictions" / "key16.parquet").write_bytes(b"PAR1")
    with pytest.raises(ProblemsError) as error:
        read_predictions(folder)
    assert kinds(error) == ["unreadable-file", "unreadable-file"]


def test_foreign_parquet(tmp_path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"prediction": ["a", "b"], "reference": ["a", "c"], "id": [7, 8]}), path)
    assert [(row.instance, row.references) for row in read_predictions(path)] == [("7", ("a",)), ("8", ("c",))]


BAD = [
    {"prediction": None, "reference": "a"},
    {"prediction": 7, "reference": "a"},
    {"prediction": "a", "references": []},
    {"prediction": "a", "references": ["b", None]},
    {"answer": "a"},
    ["a"],
    {"prediction": "fine", "reference": "a"},
    {"prediction": None, "reference": "a"},
]


@pytest.mark.parametrize(
    "changes",
    [
        {"option_log_probabilities": [-1.0]},
        {"option_log_probabilities": [-1.0, float("nan")]},
        {"option_tokens": [1, 0]},
        {"option_tokens": None},
        {"options": ["a", " "]},
        {"option_pmi": [0.5]},
    ],
)
def test_options_and_numbers_that_do_not_go_together_are_told(tmp_path, changes) -> None:
    row = {
        "prediction": "a",
        "references": ["a"],
        "options": ["a", "b"],
        "option_log_probabilities": [-1.0, -2.0],
        "option_tokens": [1, 1],
        "option_pmi": [0.5, 1.5],
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "good.parquet")
    [read] = read_predictions(tmp_path / "good.parquet")
    assert read.ranking is not None
    assert (read.ranking.chosen(), read.ranking.chosen("pmi")) == ("a", "b")
    pq.write_table(pa.Table.from_pylist([{**row, **changes}]), tmp_path / "bad.parquet")
    with pytest.raises(ProblemsError) as error:
        read_predictions(tmp_path / "bad.parquet")
    assert kinds(error) == ["unreadable-ranking"]


def test_every_bad_row_is_told_with_its_line(tmp_path) -> None:
    path = write_lines(tmp_path / "p.jsonl", BAD)
    with pytest.raises(ProblemsError) as error:
        read_predictions(path)
    assert [(problem.line, problem.kind) for problem in error.value.problems] == [
        (1, "null-prediction"), (2, "not-text"), (3, "no-reference"), (4, "not-text"), (5, "missing-key"),
        (6, "not-an-object"), (8, "null-prediction"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PREDICTION_READERS if name != "study"])
@pytest.mark.parametrize(
    "data", [b"", b"\n", b"{", b"\xff\xfe\x00", b"null", b"[1, 2]", b'{"predictions": 3}', b"a,b\n1,2\n"]
)
def test_files_that_are_no_predictions_are_refused_in_every_format(tmp_path, name, data) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    with pytest.raises(ProblemsError):
        read_predictions(path, name)


def test_an_unknown_look_is_answered_with_all_formats(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ProblemsError, match=r"lm-evaluation-harness.*--format"):
        read_predictions(tmp_path / "notes.txt")
    with pytest.raises(ProblemsError, match="no such file"):
        read_predictions(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="did you mean 'jsonl'"):
        read_predictions(tmp_path / "notes.txt", "json")


@pytest.fixture
def colours(write_task):
    """Forty instances, task001-0 to task001-39; and as many of another task."""
    write_task(1)
    return write_task(2)


def answered(tmp_path, rows):
    path = write_lines(tmp_path / "p.jsonl", rows)
    return read_predictions(path), path


def test_references_are_found_by_id_in_any_order(tmp_path, colours) -> None:
    ids = [f"task001-{at}" for at in (5, 3, 39)] + ["task002-0"]
    rows, path = answered(tmp_path, [{"id": name, "prediction": "red", "references": ["stale"]} for name in ids])
    answers, coverage = found_references(rows, path, colours)
    assert [answer.instance for answer in answers] == ids
    assert [answer.references for answer in answers] == [("blue",), ("red",), ("red",), ("red",)]
    assert [(answer.place.task, answer.place.category) for answer in answers][-1] == ("task002_colours", "Colour")
    assert [(one.task, one.answered, one.instances) for one in coverage] == [
        ("task001_colours", 3, 40),
        ("task002_colours", 1, 40),
    ]


def test_references_are_found_by_position_where_the_file_counts(tmp_path, colours) -> None:
    path = tmp_path / "task001_colours@x.json"
    path.write_text(json.dumps({"predictions": [{"index": 2, "output": "blue"}, {"index": 0, "output": "red"}]}))
    answers, _ = found_references(read_predictions(path), path, colours)
    assert [(answer.instance, answer.references) for answer in answers] == [
        ("task001-2", ("blue",)),
        ("task001-0", ("red",)),
    ]
    path.write_text(json.dumps({"predictions": [{"index": 40, "output": "blue"}]}))
    with pytest.raises(ProblemsError, match="the task has 40 instances"):
        found_references(read_predictions(path), path, colours)


def test_all_that_does_not_match_is_told_by_kind(tmp_path, colours) -> None:
    rows, path = answered(
        tmp_path,
        [
            {"id": "task001-0", "prediction": "a"},
            {"id": "task001-0", "prediction": "b"},
            *({"id": f"task009-{at}", "prediction": "a"} for at in range(30)),
            {"task": "task007_gone", "id": "x", "prediction": "a"},
            {"prediction": "a"},
        ],
    )
    with pytest.raises(ProblemsError) as error:
        found_references(rows, path, colours)
    assert sorted(kinds(error)) == ["duplicate-prediction", "no-id", "unknown-id", "unknown-task"]
    told = str(error.value)
    assert "30 predictions are of instances that the references do not have: task009-0, task009-1" in told
    assert "and 20 more" in told
    assert "task001_colours task001-0 (2 times)" in told
    assert "line 34" in told


def test_fewer_predictions_than_instances_are_refused_where_all_are_wanted(tmp_path, colours) -> None:
    rows, path = answered(tmp_path, [{"id": f"task001-{at}", "prediction": "a"} for at in range(38)])
    with pytest.raises(
        ProblemsError, match="2 instances have no prediction: task001_colours task001-38, task001_colours"
    ):
        found_references(rows, path, colours, complete=True)


def test_a_list_of_references_says_exactly_what_is_to_be_answered(tmp_path) -> None:
    listed = write_lines(
        tmp_path / "refs.jsonl",
        [
            {
                "id": f"i{at}",
                "references": ["a", "b"],
                "task_id": f"t{at % 2}",
                "task_category": "C",
                "track": "xlingual",
            }
            for at in range(4)
        ],
    )
    rows, path = answered(tmp_path, [{"id": f"i{at}", "prediction": "a"} for at in range(4)])
    answers, coverage = found_references(rows, path, listed)
    assert coverage == []
    assert {(answer.place.category, answer.place.language) for answer in answers} == {("C", "cross-lingual")}
    with pytest.raises(ProblemsError, match="2 instances have no prediction: t0 i2, t1 i3"):
        found_references(rows[:2], path, listed)
    with pytest.raises(ProblemsError, match="references do not have: i9"):
        found_references([*answered(tmp_path, [{"id": "i9", "prediction": "a"}])[0], *rows], path, listed)


def test_one_id_in_two_tasks_needs_the_task(tmp_path) -> None:
    listed = write_lines(
        tmp_path / "refs.jsonl", [{"id": "1", "references": [task], "task_id": task} for task in ("t", "u")]
    )
    rows, path = answered(tmp_path, [{"id": "1", "prediction": "a"}])
    with pytest.raises(ProblemsError, match="an id that several instances have: 1"):
        found_references(rows, path, listed)
    rows, path = answered(tmp_path, [{"id": "1", "task": task, "prediction": "a"} for task in ("t", "u")])
    assert [answer.references for answer in found_references(rows, path, listed)[0]] == [("t",), ("u",)]


def test_predictions_without_references_ask_for_them(tmp_path) -> None:
    rows, path = answered(tmp_path, [{"id": "a", "prediction": "x"}, {"id": "b", "prediction": "x", "reference": "y"}])
    with pytest.raises(ProblemsError, match="1 predictions have no reference: a; give --references"):
        own_references(rows, path)


def test_one_instance_answered_twice_is_refused_and_two_systems_are_not(tmp_path) -> None:
    row = {"id": "a", "prediction": "x", "reference": "y"}
    rows, path = answered(tmp_path, [row, row])
    with pytest.raises(ProblemsError, match="1 instances have several predictions: a \\(2 times\\)"):
        own_references(rows, path)
    rows, path = answered(tmp_path, [{**row, "system": "m"}, {**row, "system": "n"}])
    assert len(own_references(rows, path)) == 2


def test_rows_without_ids_stand_for_themselves(tmp_path) -> None:
    rows, path = answered(tmp_path, [{"prediction": "x", "reference": "y"}] * 3)
    assert [answer.instance for answer in own_references(rows, path)] == ["0", "1", "2"]
