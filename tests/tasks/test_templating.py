"""Templates tell a row as FLAN and PromptSource do, and never mistake a row's text for a pattern."""

from __future__ import annotations

import random

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.tasks.templating import (
    Rendered,
    compile_pattern,
    from_flan,
    pattern_faults,
    render_template,
    split_target,
    template_names,
)
from tuition.tasks.types import Template


def told(source: str, **fields: object) -> str:
    return compile_pattern(source, what="the pattern").render(fields)


def joined(source: str, answer_choices: str = "") -> Template:
    return Template("t", source, "", answer_choices, joined=True)


def test_a_pattern_knows_its_leading_text_and_the_names_it_reads() -> None:
    pattern = compile_pattern("Read:\n{# note #}{{ text }} {% for x in rows %}{{ x }}{% endfor %}{{ range }}", what="p")
    assert pattern.leading_text == "Read:\n"
    assert pattern.names == {"text", "rows", "range"}
    assert compile_pattern("all constant\n", what="p").leading_text == "all constant\n"
    assert compile_pattern("{% if a %}x{% endif %}", what="p").leading_text == ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\n", "a\n"),
        ("{% if n == 5 %}five{% else %}other{% endif %}", "five"),
        ("{% for x in l %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}", "11,22,33"),
        ("{{ l | join(', ') }}/{{ t | upper | trim }}/{{ t.split(' ')[1] }}", "1, 2, 3/ONE TWO/two"),
        ("{{ d.k }}{{ d['k'] }}{{ d.get('q', '-') }}{% for a, b in d.items() %}{{ a }}{{ b }}{% endfor %}", "vv-kv"),
        ("{{ t ~ '!' ~ n }}{{ n - 1 }}{{ t[:3] }}{{ l[::-1] }}{{ l[-1] }}", "one two!54one[3, 2, 1]3"),
        ("{% set x = n + 1 %}{{ x }}{{ x if x > 3 else 0 }}{{ 'a' in t }}{{ n is odd }}", "66FalseTrue"),
        ("{{ missing is defined }}{{ missing | default('none') }}", "Falsenone"),
        ("{% for a, b in zip(l, 'xyz') %}{{ a }}{{ b }}{% endfor %}{{ range(3) | list }}", "1x2y3z[0, 1, 2]"),
        (
            "{{ most_frequent([1, 2, 2]) }}{{ [3, 3, 1] | most_frequent }}{{ l | sum }}{{ 2.345 | round(1) }}",
            "[2][3]62.3",
        ),
        ("{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | join }}{{ l | select('gt', 1) | list }}", "12[2, 3]"),
        ("{% raw %}{{ t }}{% endraw %}{{ None }}{{ true }}{{ 1.5 }}", "{{ t }}NoneTrue1.5"),
        (
            "{% with z = 1 %}{{ z }}{% endwith %}{{ t.replace('o', '0') }}{{ t | replace('t', 'T', 1) }}",
            "10ne tw0one Two",
        ),
    ],
)
def test_what_patterns_are_made_of_works_as_in_jinja(source: str, expected: str) -> None:
    assert told(source, n=5, t="one two", l=[1, 2, 3], d={"k": "v"}) == expected


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ absent }}", "'absent' is undefined; the row has text"),
        ("{{ text.absent }}", "no attribute 'absent'"),
        ("a\nb\n{{ 1 / 0 }}", "line 3"),
        ("{{ text | first | round }}", "fails on this row"),
        ("{{ text.upper }}", "uses a method as a value"),
        ("{{ '\\ud800' }}", "half a character"),
        ("{{ '\\x00' }}", "u0000"),
    ],
)
def test_a_rendering_that_fails_says_what_where_and_on_which_fields(source: str, fault: str) -> None:
    with pytest.raises(UserError, match="the pattern") as error:
        told(source, text="x")
    assert fault in str(error.value)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ a", "line 1"),
        ("x\n{% if %}", "line 2"),
        ("{{ a | unheard_of }}", "the filter 'unheard_of'"),
        ("{{ a is unheard_of }}", "the test 'unheard_of'"),
        ("x" * 60_000, "60,000 characters"),
        ("{{ " + "9" * 5_000 + " }}", "cannot be used"),
    ],
)
def test_a_broken_pattern_is_told_with_its_line(source: str, fault: str) -> None:
    with pytest.raises(UserError) as error:
        compile_pattern(source, what="template 'x'")
    assert str(error.value).startswith("template 'x': ")
    assert fault in str(error.value)


def test_choice_is_the_same_for_the_same_row_and_follows_the_given_generator() -> None:
    pattern = compile_pattern("{{ choice(words) }}", what="p")
    rows = [{"words": list("abcdefgh"), "id": number} for number in range(30)]
    first = [pattern.render(row) for row in rows]
    assert first == [pattern.render(row) for row in rows]
    assert len(set(first)) > 3
    by_seed = [pattern.render(rows[0], rng=random.Random(seed)) for seed in range(30)]
    assert by_seed == [pattern.render(rows[0], rng=random.Random(seed)) for seed in range(30)]
    assert len(set(by_seed)) > 3


def test_input_and_target_are_parted_and_stripped() -> None:
    assert split_target(" a\n||| b ") == ("a", "b")
    assert split_target("a") == ("a", "")
    with pytest.raises(UserError, match="3 parts"):
        split_target("a ||| b ||| c")


def test_a_separator_inside_a_condition_gives_both_sides_or_no_rendering() -> None:
    template = joined("{% if q == 'cause' %} Why {{ p }}? ||| {{ answer_choices[label] }}{% endif %}", "{{ a }} ||| no")
    row = {"q": "cause", "p": "rain", "a": "yes", "label": 0}
    assert render_template(template, row) == Rendered("Why rain?", "yes", ("yes", "no"))
    assert render_template(template, {**row, "q": "effect"}) is None


@pytest.mark.parametrize(("text", "target"), [("", "t"), ("i", ""), (" \n", "t"), ("i", " ")])
def test_an_empty_side_is_no_rendering(text: str, target: str) -> None:
    assert render_template(Template("t", "{{ a }}", "{{ b }}"), {"a": text, "b": target}) is None
    assert render_template(joined("{{ a }} ||| {{ b }}"), {"a": text, "b": target}) is None


def test_a_separator_or_a_tag_in_a_field_stays_text() -> None:
    hostile = "x ||| {{ 7 * 7 }} {% for %} \ue000"
    template = joined("Q: {{ text }} ||| {{ answer_choices[1] }}", "no ||| {{ text }}")
    assert render_template(template, {"text": hostile}) == Rendered(f"Q: {hostile}", hostile, ("no", hostile))
    listed = joined("{{ texts | join(' ') }} ||| {{ deep.a }}")
    assert render_template(listed, {"texts": ["a|||b"], "deep": {"a": "c|||d"}}) == Rendered("a|||b", "c|||d")


def test_options_come_from_the_task_or_from_the_templates_own_choices() -> None:
    flan = Template("f", from_flan("{text}\n{options_}", what="f"), "{{ answer_ }}")
    row = {"text": "Is it?", "answer_": "yes"}
    assert render_template(flan, row, options=("yes", "no")) == Rendered(
        "Is it?\nOPTIONS:\n- yes\n- no", "yes", ("yes", "no")
    )
    own = Template("f", flan.input, flan.target, answer_choices="yes ||| never")
    made = render_template(own, row, options=("yes", "no"))
    assert made is not None
    assert made.choices == ("yes", "never")
    with pytest.raises(UserError, match="needs answer options"):
        render_template(flan, row)


def test_a_field_that_would_hide_the_choices_is_refused() -> None:
    with pytest.raises(UserError, match="answer_choices"):
        render_template(joined("a ||| b"), {"answer_choices": "x"})


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{premise}\n\n{options_}", "{{ premise }}\n\n{{ options_ }}"),
        ("no slots", "no slots"),
        ("{{literal braces}} {x}", "{literal braces} 5"),
        ("{{{x}}}", "{5}"),
        ("{{# {{x y", "{# {x y"),
    ],
)
def test_flans_notation_becomes_jinja_that_means_the_same(pattern: str, expected: str) -> None:
    source = from_flan(pattern, what="p")
    if "{{ premise" in expected or expected == pattern:
        assert source == expected
    else:
        assert told(source, x=5) == expected


@pytest.mark.parametrize(
    "pattern", ["{{ premise }}", "{% if a %}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{", "}", "{}", "{0}"]
)
def test_what_is_no_plain_slot_is_refused(pattern: str) -> None:
    with pytest.raises(UserError, match="its input"):
        from_flan(pattern, what="its input")


@given(st.text(alphabet="{}%#ab \n\r\\'\"", max_size=30), st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_flans_notation_agrees_with_pythons_own_formatting(pattern: str, value: str) -> None:
    try:
        source = from_flan(pattern, what="p")
    except UserError:
        return
    expected = (
        pattern.format(a=value, b=value, ab=value, ba=value, aa=value, bb=value) if _only_known(pattern) else None
    )
    if expected is not None and "\0" not in value and "\r" not in pattern and value.isprintable():
        assert told(source, a=value, b=value, ab=value, ba=value, aa=value, bb=value) == expected


def _only_known(pattern: str) -> bool:
    try:
        pattern.format(a="", b="", ab="", ba="", aa="", bb="")
    except (KeyError, ValueError, IndexError):
        return False
    return True


def test_a_template_says_what_it_reads_and_what_is_wrong_with_it() -> None:
    template = joined("{{ premise }} {{ answer_choices[0] }} ||| {{ label }}", "{{ choice1 }} ||| b")
    assert template_names(template) == {"premise", "label", "choice1"}
    assert pattern_faults(template) == []
    assert "no |||" in pattern_faults(joined("{{ premise }}"))[0]
    assert len(pattern_faults(Template("t", "{{ a", "{% include 'x' %}", "{{ b"))) == 3


_SIGNS = "{{ }} {% %} {# #} ||| text if for x in endfor endif set = ~ | upper join ( ) [ ] * + 1"
_PIECES = [*_SIGNS.split(), "\n"]
_PIECES += ["'", '"', "9999999", "range", "loop", ".", ":", ",", "for x in text", "set x = text"]


@given(
    st.lists(
        st.sampled_from(_PIECES),
        max_size=25,
    ).map(" ".join)
    | st.text(max_size=60),
    st.dictionaries(
        st.sampled_from(["text", "x", "loop", "range"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
    ),
)
@settings(max_examples=400, deadline=None)
def test_no_pattern_and_no_row_raises_anything_but_a_user_error(source: str, fields: dict[str, object]) -> None:
    template = joined(source, source)
    try:
        made = render_template(template, fields)
        assert made is None or (made.input.strip() and made.target.strip())
        compile_pattern(source, what="p").render(fields)
    except UserError:
        pass


@given(st.text(alphabet="ab {}|.'[]0x1-", max_size=25), st.text(max_size=10))
@settings(max_examples=200, deadline=None)
def test_what_is_rendered_equals_jinjas_own_rendering(inner: str, value: str) -> None:
    source = "{{ a }}" + inner + "{{ b }}"
    try:
        made = told(source, a=value, b="B")
    except UserError:
        return
    plain = jinja2.Environment(keep_trailing_newline=True, autoescape=False).from_string(source)
    assert made == plain.render(a=value, b="B")
