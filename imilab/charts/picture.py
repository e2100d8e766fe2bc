"""A chart and the ways it leaves Python: PNG, SVG, HTML with its alternative text, a notebook's output."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import jinja2
import matplotlib.style
from matplotlib.figure import Figure

from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    from IPython.display import HTML

__all__ = ["Chart", "alt_text", "show", "to_html", "to_png", "to_svg"]

CSS_PIXELS_PER_INCH = 96
IMAGE = jinja2.Environment(autoescape=True).from_string(
    '<img alt="{{ alt }}" src="data:image/png;base64,{{ data }}" '
    'style="width:{{ width }}px;max-width:100%;height:auto">'
)


class Chart(Figure):
    """A matplotlib figure that carries its alternative text and shows itself in a notebook.

    Attributes
    ----------
    alternative : str
        One to three sentences with the key numbers, computed from the data that is drawn.
    """

    alternative: str = ""

    def _repr_html_(self) -> str:
        return to_html(self)


def alt_text(figure: Figure) -> str:
    """Return the sentences that stand for the picture where it cannot be seen.

    Raises
    ------
    InvalidInputError
        If the figure was not drawn by `imilab.charts`.
    """
    if not isinstance(figure, Chart) or not figure.alternative:
        raise InvalidInputError("figure", "carries no alternative text; give a figure drawn by imilab.charts")
    return figure.alternative


def to_png(figure: Figure, *, dots_per_inch: int = 144) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes."""
    described = figure.alternative if isinstance(figure, Chart) else None
    return _saved(figure, "png", {"Software": None, "Description": described or None}, dots_per_inch)


def to_svg(figure: Figure) -> str:
    """Return the figure as SVG with text as outlines; the same figure gives the same characters.

    The alternative text is the SVG's ``title``.
    """
    described = figure.alternative if isinstance(figure, Chart) else None
    metadata = {"Date": None, "Creator": None, "Title": described or None}
    return _saved(figure, "svg", metadata, CSS_PIXELS_PER_INCH).decode()


def to_html(figure: Figure) -> str:
    """Return an ``<img>`` with the picture inside and its alternative text, escaped."""
    return IMAGE.render(
        alt=alt_text(figure),
        data=base64.b64encode(to_png(figure)).decode(),
        width=round(figure.get_figwidth() * CSS_PIXELS_PER_INCH),
    )


def show(figure: Figure) -> HTML:
    """Return what a notebook displays: the picture with its alternative text; needs IPython."""
    from IPython.display import HTML

    return HTML(to_html(figure))  # type: ignore[no-untyped-call]  # IPython ships no types


def _saved(figure: Figure, form: str, metadata: dict[str, Any], dots_per_inch: int) -> bytes:
    stream = io.BytesIO()
    with matplotlib.style.context(["default", {"svg.hashsalt": "imilab", "hatch.linewidth": 0.5}]):
        figure.savefig(stream, format=form, dpi=dots_per_inch, metadata=metadata)
    return stream.getvalue()
