"""The views of a result: one list of rows, seen as text, Markdown, HTML or in a notebook.

A result inherits `Table`, says its caption, its rows as text and its notes, and gets the views. The words for
numbers (`percent`, `points`, `p_value`, ...) live here too, so that a rate reads the same in every view.
"""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MISSING",
    "Table",
    "count",
    "level",
    "name",
    "p_value",
    "percent",
    "percent_range",
    "points",
    "points_range",
]

MISSING = "—"
_MINUS = "−"
_LINE_WIDTH = 110
_NUMERIC = re.compile(rf"[+{_MINUS}<>]?\s?(\d|{MISSING})")
# An underscore inside a word (early_hangup) is plain text in Markdown; at its edge it would mean emphasis.
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


class Table(ABC):
    """A result that can be looked at: subclasses give caption, notes and rows, and inherit the views."""

    @property
    @abstractmethod
    def caption(self) -> str:
        """One sentence: what the table shows."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What must be known to read the table, one sentence or two each."""

    @abstractmethod
    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown: one dict of column to text for each row, not yet escaped for any view."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of the data behind the view."""

    def to_text(self) -> str:
        """Return the table as aligned plain text."""
        parts = [textwrap.fill(_plain(self.caption), _LINE_WIDTH), _text_grid(self.to_rows())]
        parts += [textwrap.fill(_plain(note), _LINE_WIDTH, subsequent_indent="  ") for note in self.notes]
        return "\n".join(parts)

    def to_markdown(self) -> str:
        """Return the table as GitHub-flavoured Markdown."""
        notes = "\n".join(f"- {_markdown(note)}" for note in self.notes)
        return f"**{_markdown(self.caption)}**\n\n{_markdown_grid(self.to_rows())}\n\n{notes}\n"

    def to_html(self) -> str:
        """Return the table as an HTML fragment; every text in it is escaped."""
        rows = [{column: _plain(cell) for column, cell in row.items()} for row in self.to_rows()]
        columns = list(rows[0]) if rows else []
        return str(
            _html_template().render(
                caption=_plain(self.caption),
                columns=columns,
                rows=[[row[column] for column in columns] for row in rows],
                sides=["right" if right else "left" for right in _right_aligned(rows)],
                notes=[_plain(note) for note in self.notes],
            )
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        return self.to_text()


def name(value: object) -> str:
    """Return a group's or an arm's name; a missing one is "—".

    Examples
    --------
    >>> name("en-GB-RyanNeural"), name(float("nan")), name(None), name(3.0), name("")
    ('en-GB-RyanNeural', '—', '—', '3', '(empty)')
    """
    # NaN and NaT differ from themselves; pandas.NA refuses to say.
    if value is None or type(value).__name__ == "NAType" or value != value:  # noqa: PLR0124 - so is NaN told of any object
        return MISSING
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _plain(str(value)) or "(empty)"


def count(value: float) -> str:
    """Return a whole number with thousands separators."""
    return MISSING if math.isnan(value) else f"{int(value):,}"


def percent(fraction: float) -> str:
    """Return a fraction as per cent, one decimal, more where one would read as none or as all.

    Examples
    --------
    >>> percent(0.6), percent(0.0004), percent(0.9996), percent(float("nan"))
    ('60.0 %', '0.04 %', '99.96 %', '—')
    """
    return MISSING if math.isnan(fraction) else f"{_decimals(fraction)} %"


def percent_range(low: float, high: float) -> str:
    """Return two fractions as a range in per cent."""
    return MISSING if math.isnan(low) else f"{_decimals(low)} to {_decimals(high)} %"


def points(difference: float, *, signed: bool = True) -> str:
    """Return a difference of two fractions in percentage points.

    Examples
    --------
    >>> points(0.0314), points(-0.021), points(0.0), points(0.0314, signed=False)
    ('+3.1 points', '−2.1 points', '0.0 points', '3.1 points')
    """
    return MISSING if math.isnan(difference) else f"{_decimals(difference, signed=signed)} points"


def points_range(low: float, high: float, *, signed: bool = True) -> str:
    """Return two differences as a range in percentage points.

    Examples
    --------
    >>> points_range(-0.021, 0.094)
    '−2.1 to +9.4 points'
    """
    if math.isnan(low):
        return MISSING
    return f"{_decimals(low, signed=signed)} to {_decimals(high, signed=signed)} points"


def p_value(p: float) -> str:
    """Return a p value in three decimals, four where three would read as exactly 0.050.

    Examples
    --------
    >>> p_value(0.0214), p_value(0.04962), p_value(3e-7), p_value(0.9999)
    ('0.021', '0.0496', '<0.001', '>0.999')
    """
    if math.isnan(p):
        return MISSING
    if p < 0.001 or p > 0.999:
        return "<0.001" if p < 0.001 else ">0.999"
    return f"{p:.4f}" if f"{p:.3f}" == "0.050" else f"{p:.3f}"


def level(confidence: float) -> str:
    """Return the name of an interval's level, such as "95 %"."""
    return f"{confidence * 100:.10g} %"


def _decimals(fraction: float, *, signed: bool = False) -> str:
    value = abs(fraction) * 100
    value = 0.0 if value < 1e-9 else value
    for decimals in range(1, 8):
        text = f"{value:.{decimals}f}"
        if (float(text) > 0 or value == 0) and (float(text) != 100 or value == 100):
            break
    if float(text) == 0:
        return text
    return f"{_MINUS if fraction < 0 else '+' if signed else ''}{text}"


def _plain(text: str) -> str:
    """Replace what would break a line or steer a terminal: line ends, escapes, direction marks."""
    return "".join(character if character.isprintable() else " " for character in text)


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def _right_aligned(rows: Sequence[dict[str, str]]) -> list[bool]:
    columns = list(rows[0]) if rows else []
    return [all(_NUMERIC.match(row[column]) for row in rows) for column in columns]


def _text_grid(rows: list[dict[str, str]]) -> str:
    if not rows:
        return "(no calls)"
    lines = [list(rows[0]), *([_plain(cell) for cell in row.values()] for row in rows)]
    widths = [max(_width(line[index]) for line in lines) for index in range(len(lines[0]))]
    sides = _right_aligned(rows)

    def pad(cell: str, width: int, right: bool) -> str:
        space = " " * (width - _width(cell))
        return space + cell if right else cell + space

    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(pad(cell, width, right) for cell, width, right in zip(line, widths, sides, strict=True)).rstrip()
        for line in lines
    )


def _markdown(text: str) -> str:
    escaped = _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(lambda match: "\\" + match.group(), escaped)


def _markdown_grid(rows: list[dict[str, str]]) -> str:
    if not rows:
        return "(no calls)"
    rules = ["---:" if right else ":---" for right in _right_aligned(rows)]
    cells = [[_markdown(column) for column in rows[0]], rules]
    cells += [[_markdown(cell) for cell in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


@cache
def _html_template() -> Any:
    import jinja2

    return jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_HTML)


_HTML = """\
<div class="imilab-table">
<table>
<caption style="text-align:left;caption-side:top">
{#- so that a long caption does not run as wide as a wide table -#}
<div style="max-width:48em;white-space:normal">{{ caption }}</div>
{#- -#}
</caption>
{% if rows %}
<thead><tr>
{% for column in columns %}
<th scope="col" style="text-align:{{ sides[loop.index0] }}">{{ column }}</th>
{% endfor %}
</tr></thead>
{% endif %}
<tbody>
{% for row in rows %}
<tr>
{% for cell in row %}
<td style="text-align:{{ sides[loop.index0] }};white-space:nowrap">{{ cell }}</td>
{% endfor %}
</tr>
{% else %}
<tr><td>(no calls)</td></tr>
{% endfor %}
</tbody>
</table>
<ul>
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
</div>
"""
