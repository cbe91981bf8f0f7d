"""Behaviour of reading curves from files, and of the command's function."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from tuition.base.errors import ProblemsError, UserError
from tuition.reports.forecasting import forecast_rows, forecast_source, forecast_table
from tuition.studies.results import ScoreRow

FULL = """task,arm,labels,seed,metric,value,low,high,n
copa,lora,0,1,rouge_l,41.0,31.0,51.0,100
copa,lora,16,1,rouge_l,52.0,42.0,62.0,100
copa,lora,64,1,rouge_l,60.0,50.0,70.0,100
copa,plain,0,1,rouge_l,11.0,5.0,17.0,100
copa,plain,64,1,rouge_l,30.0,21.0,39.0,100
rte,lora,0,1,rouge_l,50.0,40.0,60.0,100
rte,lora,16,1,rouge_l,55.0,45.0,65.0,100
rte,lora,0,1,exact_match,50.0,40.0,60.0,100
"""


def written(folder: Path, text: str, name: str = "scores.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_folder_its_table_and_each_of_its_curves_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    made = forecast_source(tmp_path, target=70, at=[200])
    assert [(f.task, f.arm, f.metric) for f in made] == [
        ("copa", "lora", "rouge_l"),
        ("copa", "plain", "rouge_l"),
        ("rte", "lora", "rouge_l"),
    ]
    assert made == forecast_source(path, target=70, at=[200])
    assert made[0].labels == (0, 16, 64)
    assert made[0].top == 100


def test_a_studys_rows_give_the_same_as_its_table(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    cells = [line.split(",") for line in FULL.splitlines()[1:]]
    rows = [
        ScoreRow(t, a, int(k), int(s), m, float(v), float(low), float(high), int(n))
        for t, a, k, s, m, v, low, high, n in cells
    ]
    assert forecast_rows(rows, target=70) == forecast_source(tmp_path, target=70)


def test_a_task_and_an_arm_can_be_chosen_and_their_kin_still_inform_them(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    assert forecast_source(tmp_path, task="copa", arm="plain") == forecast_source(tmp_path)[1:2]


def test_another_metric_can_be_chosen(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    assert {f.metric for f in forecast_source(tmp_path, metric="rouge_l")} == {"rouge_l"}
    with pytest.raises(UserError, match="every curve has only 0 labels"):
        forecast_source(tmp_path, metric="exact_match")


def test_low_scores_of_our_own_table_are_not_taken_for_0_to_1(tmp_path: Path) -> None:
    written(
        tmp_path,
        "task,arm,labels,seed,metric,value,low,high,n\nt,a,0,1,rouge_l,0.5,0,1,100\nt,a,8,1,rouge_l,0.6,0,1,100\n",
    )
    assert forecast_source(tmp_path)[0].top == 100


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_four_rows_of_two_columns_are_enough(tmp_path: Path, mark: str) -> None:
    rows = ["labels,value", "16,40", "32,52", "64,60", "128,65"]
    path = written(tmp_path, "\ufeff" + "\r\n".join(rows).replace(",", mark) + "\r\n", "mine.csv")
    assert forecast_source(path, target=70)[0].scores == (40, 52, 60, 65)


def test_seeds_are_averaged(tmp_path: Path) -> None:
    path = written(tmp_path, "labels,seed,value\n16,1,40\n16,2,44\n64,1,50\n64,2,52\n", "mine.csv")
    assert forecast_source(path)[0].scores == pytest.approx((42, 51))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("64,nan,1,", "value is nan"),
        ("64,many,1,", "value is 'many'"),
        ("-1,50,1,", "labels is -1"),
        ("1e30,50,1,", "labels is 1e\\+30"),
        (",50,1,", "labels is ''"),
        ("64,50,1,0", "n is 0"),
        ("64,50,1,x", "n is 'x'"),
        ("64,101,1,", "value is 101"),
        ("64,-2,1,", "value is -2"),
        ("16,45,1,", "appears twice"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path, f"labels,value,seed,n\n16,40,1,100\n{row}\n", "mine.csv")
    with pytest.raises(ProblemsError, match=rf"mine\.csv:3: .*{said}"):
        forecast_source(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column labels"),
        ("size,score\n1,2\n", "no column labels and no column value; the columns are: size, score"),
        ("labels,value\n", "no rows"),
        ("labels,value,value\n1,2,3\n", "appears twice"),
    ],
)
def test_what_is_no_table_of_scores_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        forecast_source(written(tmp_path, text, "mine.csv"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"labels,value\n\xff\xfe,3\n")
    with pytest.raises(UserError, match="UTF-8"):
        forecast_source(path)


def test_missing_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        forecast_source(tmp_path / "none")
    with pytest.raises(UserError, match=r"has no scores\.csv"):
        forecast_source(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("task", r"nearest: copa"), ("arm", "lora, plain"), ("metric", "rouge_l")])
def test_unknown_names_are_answered_with_those_there_are(tmp_path: Path, name: str, said: str) -> None:
    written(tmp_path, FULL)
    with pytest.raises(UserError, match=said):
        forecast_source(tmp_path, **{name: "copo"})  # type: ignore[arg-type]


def test_a_target_above_the_range_is_refused(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    with pytest.raises(UserError, match="the target is 170"):
        forecast_source(tmp_path, target=170)


def test_hostile_names_are_printed_as_text(tmp_path: Path) -> None:
    path = written(tmp_path, "task,labels,value\n[red]x[/],16,40\n[red]x[/],64,50\n", "mine.csv")
    console = Console(width=120, record=True, file=(tmp_path / "out").open("w"))
    console.print(forecast_table(forecast_source(path, target=60)))
    said = console.export_text()
    assert "[red]x[/]" in said
    assert "only two sizes" in said
    assert "Labels for 60.0" in said


def test_the_guides_four_rows_give_the_guides_answer(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "how-many-labels.md"
    guide = page.read_text(encoding="utf-8")
    rows = guide.split("```csv\n")[1].split("```")[0]
    printed = guide.split("```text\n")[1].split("```")[0]
    [made] = forecast_source(written(tmp_path, rows, "mine.csv"), target=70, at=[200, 500, 1000])
    console = Console(width=120, record=True, file=(tmp_path / "out").open("w"))
    console.print(forecast_table([made]))
    assert console.export_text().strip() == printed.strip()


def test_the_first_metric_of_a_file_is_taken_and_tasks_and_arms_may_be_prefixes(tmp_path: Path) -> None:
    rows = "".join(
        f"{task},{arm},{labels},1,accuracy,{30 + labels},{20 + labels},{40 + labels},100\n"
        for task in ("task001_a", "task002_b")
        for arm in ("plain", "told")
        for labels in (4, 8, 16)
    )
    (tmp_path / "scores.csv").write_text("task,arm,labels,seed,metric,value,low,high,n\n" + rows)
    assert {one.metric for one in forecast_source(tmp_path)} == {"accuracy"}
    [one] = forecast_source(tmp_path, task="task001", arm="pl")
    assert (one.task, one.arm) == ("task001_a", "plain")
    with pytest.raises(UserError, match="'task00' begins 2 task names"):
        forecast_source(tmp_path, task="task00")


def scaling(folder: Path, sizes: tuple[int, ...], **change: object) -> Path:
    """A study whose arms differ in the labels of the seen tasks, each evaluated without labels of its own."""
    arms = {f"{n} instances": [{"on": "seen", "labels": n, "encoding": "definition", **change}] for n in sizes}
    (folder / "study.json").write_text(json.dumps({"study": "s", "arms": arms}))
    rows = "".join(
        f"t,{n} instances,0,1,rouge_l,{20 + 4 * at},{15 + 4 * at},{25 + 4 * at},100\n" for at, n in enumerate(sizes)
    )
    (folder / "scores.csv").write_text("task,arm,labels,seed,metric,value,low,high,n\n" + rows)
    return folder


def test_a_study_that_varies_the_labels_of_seen_tasks_is_forecast_on_those(tmp_path: Path) -> None:
    [one] = forecast_source(scaling(tmp_path, (8, 16, 32, 64)), at=[128])
    assert (one.arm, one.labels) == ("instances", (8, 16, 32, 64))
    assert one.scores == pytest.approx((20, 24, 28, 32))
    assert "those of each seen task" in one.warnings[0]


def test_points_that_are_no_curve_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="every curve has only 0 labels, and a forecast needs at least two"):
        forecast_source(scaling(tmp_path, (8,)))
    (tmp_path / "study.json").unlink()
    with pytest.raises(UserError, match="every curve has only 0 labels"):
        forecast_source(tmp_path)
