from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, UserError, clip


def test_clip_keeps_short_text_and_marks_what_it_leaves_out() -> None:
    assert clip("short") == "short"
    assert clip("x" * 500, 10) == "x" * 10 + "…"
    assert clip("y" * 10, 10) == "y" * 10


def test_clip_never_lets_control_characters_or_newlines_through() -> None:
    assert clip("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"


def test_a_problem_is_one_line_with_every_place_known() -> None:
    problem = Problem("k", "found this", "do that", Path("f.json"), "task1", "i\n7", 3)
    assert str(problem) == "f.json:3, task task1, instance i\\n7: found this; do that"


def test_a_problem_without_place_still_reads() -> None:
    assert str(Problem("k", "found this", "do that")) == "found this; do that"


def test_problems_error_is_a_user_error_that_hides_none() -> None:
    error = ProblemsError([Problem("a", "one", "x"), Problem("b", "two", "y")])
    assert isinstance(error, UserError)
    assert str(error).splitlines() == ["one; x", "two; y"]


def test_a_fault_of_every_file_is_one_line_with_its_count_first_place_and_remedy() -> None:
    linked = [Problem("outside-link", "it is a link", "copy the file", Path(f"task{n}.json")) for n in range(119)]
    error = ProblemsError([*linked, Problem("other", "one", "x")])
    assert str(error).splitlines() == [
        "task0.json: it is a link; copy the file (here and in 118 more places)",
        "one; x",
    ]
    assert len(error.problems) == 120


def test_of_many_problems_of_a_kind_the_first_are_listed_and_the_others_counted() -> None:
    lines = str(ProblemsError(Problem("long", f"{n} bytes", "shorten it") for n in range(40))).splitlines()
    assert lines == [*(f"{n} bytes; shorten it" for n in range(10)), "… and 30 more problems of the kind long"]


def test_few_problems_of_a_kind_keep_their_order_and_their_lines() -> None:
    problems = [Problem("ab"[n % 2], "the same", "x", line=n) for n in range(10)]
    assert len(str(ProblemsError(problems)).splitlines()) == 10


def test_problems_that_stand_for_many_places_count_as_many() -> None:
    problems = [Problem("k", f"found {n}", "x", count=1000) for n in range(11)]
    assert str(ProblemsError(problems)).splitlines()[-1] == "… and 1,000 more problems of the kind k"
