"""Words as a chart writes them: columns and outcomes, tick labels, lines and names cut to fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from itertools import takewhile

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from imilab import tables
from imilab.charts.theme import families

__all__ = ["elided", "missing", "name_of", "points_tick", "sentence", "text_width", "tick", "words", "wrapped"]

POINTS_PER_INCH = 72
IN_WORDS = {"early_hangup": "early hang-up", "hour_of_day": "hour of day"}
NOT_KNOWN = "not known"


def words(name: str) -> str:
    """Write a column or an outcome in words.

    Examples
    --------
    >>> words("no_answer"), words("early_hangup"), words("caller_id")
    ('no answer', 'early hang-up', 'caller id')
    """
    return IN_WORDS.get(name, name.replace("_", " "))


def sentence(text: str) -> str:
    """Begin with a capital letter and leave the rest as it is."""
    return text[:1].upper() + text[1:]


def name_of(values: Sequence[Hashable]) -> str:
    """Write a group's values on one line; a missing value is said in words.

    Examples
    --------
    >>> name_of(["en-GB", float("nan")])
    'en-GB · not known'
    """
    return " · ".join(_one_line(value) for value in values)


def _one_line(value: Hashable) -> str:
    return NOT_KNOWN if missing(value) else " ".join(tables.name(value).split())


def missing(value: Hashable) -> bool:
    """Whether a group's value is missing: None, NaN, NaT or pandas.NA.

    Examples
    --------
    >>> missing(float("nan")), missing("")
    (True, False)
    """
    return tables.name(value) == tables.MISSING


def tick(share: float, step: float) -> str:
    """Write a share as a tick label, with the decimals that a scale of such steps needs.

    Examples
    --------
    >>> tick(0.4, 0.2), tick(0.025, 0.025)
    ('40 %', '2.5 %')
    """
    return f"{100 * share:.{_places(step)}f} %"


def points_tick(difference: float, step: float) -> str:
    """Write a difference as a tick label, in points without the unit.

    Examples
    --------
    >>> points_tick(0.05, 0.05), points_tick(-0.05, 0.05), points_tick(0, 0.05)
    ('+5', '−5', '0')
    """
    text = f"{abs(100 * difference):.{_places(step)}f}"
    return text if not float(text) else f"{'+' if difference > 0 else '−'}{text}"


def _places(step: float) -> int:
    return next((places for places in range(4) if abs(round(100 * step, places) - 100 * step) < 1e-9), 4)


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Measure one line of text, in inches."""
    font = FontProperties(family=families(), size=size, weight=weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(width) / POINTS_PER_INCH


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break text into lines no wider than `width` inches, at spaces; a longer word is cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size, weight) > width:
            lines.append(line)
            longer = word
        line = _cut(longer, width, size) if text_width(longer, size, weight) > width else longer
    return [*lines, line] if line else lines


def elided(names: Sequence[str], room: Sequence[float], size: float) -> list[str]:
    """Cut names that are wider than their `room` (inches), so that different names stay different.

    The middle goes first, because voices and campaigns differ at their ends. Names that would then look the same keep
    the part in which they differ; what still looks the same is numbered.
    """
    shown = [_without_middle(name, width, size) for name, width in zip(names, room, strict=True)]
    for same in _look_alikes(names, shown):
        shared = _shared_start([names[i] for i in same])
        for i in same:
            shown[i] = _cut("…" + names[i][max(0, shared - 3) :], room[i], size)
    for same in _look_alikes(names, shown):
        for number, i in enumerate(same, start=1):
            shown[i] = f"{_cut(names[i], room[i] - text_width(f' #{number}', size), size)} #{number}"
    return shown


def _look_alikes(names: Sequence[str], shown: Sequence[str]) -> list[list[int]]:
    counted = Counter(shown)
    groups = [[i for i, text in enumerate(shown) if text == twice] for twice, times in counted.items() if times > 1]
    return [group for group in groups if len({names[i] for i in group}) > 1]


def _shared_start(texts: Sequence[str]) -> int:
    alike = (len(set(signs)) == 1 for signs in zip(*texts, strict=False))
    return sum(takewhile(bool, alike))


def _without_middle(name: str, width: float, size: float) -> str:
    if text_width(name, size) <= width:
        return name
    kept = _longest(len(name), lambda k: _ends(name, k), width, size)
    return _ends(name, kept)


def _ends(name: str, kept: int) -> str:
    tail = kept // 2
    return f"{name[: kept - tail]}…{name[len(name) - tail :]}"


def _cut(text: str, width: float, size: float) -> str:
    if text_width(text, size) <= width:
        return text
    return text[: _longest(len(text), lambda k: text[:k] + "…", width, size)] + "…"


def _longest(most: int, build: Callable[[int], str], width: float, size: float) -> int:
    fitting, too_long = 1, most
    while too_long - fitting > 1:
        middle = (fitting + too_long) // 2
        if text_width(build(middle), size) <= width:
            fitting = middle
        else:
            too_long = middle
    return fitting
