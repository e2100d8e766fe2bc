"""Colours, hatches, markers and type sizes: one look for each outcome, the same in every chart and on both backgrounds.

The colours are Okabe and Ito's eight, which people with the common kinds of colour blindness can tell apart, and greys
for what is not an answer of the network. Colour never stands alone: every outcome has a hatch and a marker of its own.

Okabe, M. and Ito, K. (2008), Color Universal Design: how to make figures and presentations that are friendly to
colorblind people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import matplotlib.style
from matplotlib.font_manager import fontManager

from imilab.errors import InvalidInputError

__all__ = [
    "GROUP_LOOKS",
    "LOOKS",
    "SMALL",
    "TEXT",
    "THEMES",
    "TITLE",
    "Look",
    "Theme",
    "drawing",
    "families",
    "look_of",
    "theme_of",
]

TITLE = 13.0
"""Size of a title, in points."""
TEXT = 9.5
"""Size of labels, in points."""
SMALL = 8.5
"""Size of tick labels on a scale, footnotes and values, in points."""

FALLBACK_FONTS = (
    "Noto Sans",
    "Noto Sans Devanagari",
    "Noto Sans Tamil",
    "Noto Sans Bengali",
    "Noto Sans Thai",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Nirmala UI",
    "Microsoft YaHei",
    "Hiragino Sans GB",
    "Arial Unicode MS",
)


@dataclass(frozen=True)
class Look:
    """How one outcome, or one group of calls, is drawn.

    Attributes
    ----------
    colour : str
        ``#RRGGBB``.
    marker, hatch : str
        In matplotlib's letters.
    line : str
        Line style, in matplotlib's signs.
    """

    colour: str
    marker: str
    hatch: str
    line: str = "-"


@dataclass(frozen=True)
class Theme:
    """The colours around the data, each ``#RRGGBB``.

    Attributes
    ----------
    background, ink, muted, grid : str
        Paper; text and interval lines; secondary text; guide lines.
    """

    name: str
    background: str
    ink: str
    muted: str
    grid: str


THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        "light": Theme("light", background="#FFFFFF", ink="#1B1E23", muted="#565C66", grid="#E2E5EA"),
        "dark": Theme("dark", background="#111418", ink="#ECEFF3", muted="#A8B0BB", grid="#2B323B"),
    }
)

LOOKS: Mapping[str, Look] = MappingProxyType(
    {
        "answered": Look("#009E73", "o", ""),
        "busy": Look("#E69F00", "s", "///"),
        "no_answer": Look("#56B4E9", "^", "\\\\\\"),
        "rejected": Look("#D55E00", "D", "xxx"),
        "dropped": Look("#CC79A7", "v", "..."),
        "expired": Look("#F0E442", "P", "---"),
        "other": Look("#0072B2", "X", "|||"),
        "lost": Look("#7F7F7F", "p", "++"),
        "pending": Look("#C4C9CF", "h", "oo"),
        "not_placed": Look("#5B6470", "*", "**"),
        # Two ways of being answered: answered's colour, other markers and hatches.
        "completed": Look("#009E73", ">", "//"),
        "early_hangup": Look("#009E73", "<", "\\\\"),
    }
)

GROUP_LOOKS: tuple[Look, ...] = (
    Look("#0072B2", "o", ""),
    Look("#D55E00", "s", "///", "--"),
    Look("#009E73", "^", "\\\\\\", "-."),
    Look("#CC79A7", "D", "xxx", ":"),
)
"""Looks of up to four groups drawn into one set of axes; more groups get one set of axes each."""

EDGE = THEMES["light"].ink
"""Outlines and hatches, on both backgrounds: every colour of an outcome is lighter."""


def theme_of(name: object) -> Theme:
    """Return the theme of that name.

    Raises
    ------
    InvalidInputError
        If there is none.

    Examples
    --------
    >>> theme_of("dark").background
    '#111418'
    """
    if not isinstance(name, str) or name not in THEMES:
        raise InvalidInputError("theme", f"{name!r} is not a theme; give {' or '.join(map(repr, THEMES))}")
    return THEMES[name]


def look_of(outcome: object) -> Look:
    """Return the look of an outcome or of a metric made of outcomes.

    Raises
    ------
    InvalidInputError
        If nothing of that name is known.
    """
    if not isinstance(outcome, str) or outcome not in LOOKS:
        raise InvalidInputError("outcome", f"{outcome!r} is not an outcome; give one of {', '.join(LOOKS)}")
    return LOOKS[outcome]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it, from 1 (the same) to 21 (black on white).

    Examples
    --------
    >>> contrast("#000000", "#FFFFFF")
    21.0
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: str) -> str:
    """Return black or white, whichever reads better on a colour."""
    return max(("#000000", "#FFFFFF"), key=lambda ink: contrast(ink, colour))


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@cache
def families() -> list[str]:
    """Return the fonts to draw with: matplotlib's own first, then installed ones that know more scripts."""
    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in FALLBACK_FONTS if name in installed)]


@contextmanager
def drawing(theme: Theme) -> Iterator[None]:
    """Draw with imilab's settings, whatever style a notebook has set, and put that style back afterwards."""
    settings = {
        "font.family": families(),
        "font.size": TEXT,
        "text.color": theme.ink,
        "text.parse_math": False,
        "hatch.linewidth": 0.5,
        "axes.axisbelow": True,
    }
    with matplotlib.style.context(["default", settings]):
        yield
