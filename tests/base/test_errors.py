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
