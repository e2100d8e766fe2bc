from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.tables import Table, level, name, p_value, percent, percent_range, points, points_range

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


class Shown(Table):
    """The smallest table: what it is given is what it shows."""

    def __init__(self, rows: list[dict[str, str]], caption: str = "caption", notes: tuple[str, ...] = ()) -> None:
        self._rows, self._caption, self._notes = rows, caption, notes

    @property
    def caption(self) -> str:
        return self._caption

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def to_rows(self) -> list[dict[str, str]]:
        return self._rows

    def to_pandas(self) -> pd.DataFrame:
        return pd.DataFrame(self._rows)


class Cells(HTMLParser):
    """Reads an HTML fragment back: its tags and the text of its cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in {"td", "th", "caption", "li"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


@given(any_text, any_text, any_text)
def test_html_shows_every_text_as_it_is_and_makes_no_tag_of_it(caption: str, cell: str, note: str) -> None:
    parsed = Cells(Shown([{"voice": cell}], caption, (note,)).to_html())
    assert parsed.tags == ["div", "table", "caption", "div", "thead", "tr", "th", "tbody", "tr", "td", "ul", "li"]
    # The parser folds nothing, but ends the last cell with the line ends of the fragment.
    assert [text.rstrip("\n") for text in parsed.cells] == [
        printable(caption),
        "voice",
        printable(cell),
        printable(note),
    ]


def test_html_escapes_a_script_in_arm_column_and_caption() -> None:
    evil = '<script>alert("x")</script>'
    html = Shown([{evil: evil}], evil, (evil,)).to_html()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 4


def test_notebooks_show_the_html() -> None:
    table = Shown([{"a": "1"}])
    assert table._repr_html_() == table.to_html()


@given(any_text, any_text)
def test_markdown_keeps_its_columns_and_makes_no_tag_of_any_text(cell: str, other: str) -> None:
    lines = Shown([{"voice": cell, "country": other}]).to_markdown().split("\n")
    table = [line for line in lines if line.startswith("| ")]
    assert len(table) == 3
    assert all(line.replace("\\\\", "").replace("\\|", "").count("|") == 3 for line in table)
    assert not any("<" in line for line in table)


def test_markdown_leaves_words_readable_and_disarms_marks() -> None:
    line = Shown([{"outcome": "early_hangup", "arm": "_x_ *y* `z` [a](b) c|d & <b>"}]).to_markdown().split("\n")[4]
    assert line == r"| early_hangup | \_x\_ \*y\* \`z\` \[a\](b) c\|d &amp; &lt;b&gt; |"


def test_text_aligns_numbers_right_and_words_left_even_wide_ones() -> None:
    text = Shown([{"voice": "晓晓", "n": "5"}, {"voice": "en-GB", "n": "1,000"}]).to_text().split("\n")
    assert text[1:5] == ["voice      n", "-----  -----", "晓晓       5", "en-GB  1,000"]


@given(any_text)
def test_text_gives_every_row_one_line_whatever_it_holds(cell: str) -> None:
    text = Shown([{"voice": cell, "n": "1"}]).to_text()
    assert len(text.split("\n")) == 4
    assert "\x1b" not in text


def test_without_rows_every_view_says_that_there_are_no_calls() -> None:
    table = Shown([])
    assert all("(no calls)" in view for view in (str(table), table.to_markdown(), table.to_html()))


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.00004, "0.004 %"),
        (0.99999, "99.999 %"),
        (0.0625, "6.2 %"),
        (float("nan"), "—"),
    ],
)
def test_percent_never_rounds_to_none_or_all(fraction: float, text: str) -> None:
    assert percent(fraction) == text


@given(st.floats(-1, 1))
def test_points_show_the_sign_with_a_true_minus_and_never_hide_a_difference(difference: float) -> None:
    text = points(difference)
    assert "-" not in text
    shown = float(text.removesuffix(" points").replace("−", "-"))
    assert shown == pytest.approx(difference * 100, abs=0.0501)
    if abs(difference) > 1e-8:
        assert (shown > 0) == (difference > 0)
        assert shown != 0
        assert text[0] in "+−"


def test_ranges_join_with_to_and_stay_missing() -> None:
    assert points_range(-0.021, 0.094) == "−2.1 to +9.4 points"
    assert points_range(0.012, 0.148, signed=False) == "1.2 to 14.8 points"
    assert percent_range(0.1, 0.25) == "10.0 to 25.0 %"
    assert percent_range(float("nan"), 1.0) == points_range(float("nan"), 1.0) == "—"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.001, "0.001"),
        (0.0499, "0.0499"),
        (0.0504, "0.0504"),
        (0.051, "0.051"),
        (1.0, ">0.999"),
        (float("nan"), "—"),
    ],
)
def test_p_values_near_the_level_keep_the_side_they_are_on(p: float, text: str) -> None:
    assert p_value(p) == text


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_names_are_a_dash(missing: object) -> None:
    assert name(missing) == "—"


def test_names_hold_no_line_ends_escapes_or_direction_marks() -> None:
    assert name("a\nb\x1b[31m\u202ec") == "a b [31m c"


def test_levels_are_named_without_needless_digits() -> None:
    assert [level(each) for each in (0.95, 0.999, 0.9)] == ["95 %", "99.9 %", "90 %"]


def test_the_views_load_neither_pandas_nor_jinja_until_used() -> None:
    code = "import sys, imilab.tables; print({'pandas', 'jinja2', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
