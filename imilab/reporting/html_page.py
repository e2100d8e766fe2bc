"""The report as one HTML file: no script, nothing from outside, pictures inside, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from imilab import charts
from imilab.rate_table import rates
from imilab.reporting.content import Content
from imilab.reporting.grids import (
    Grid,
    code_grid,
    comparison_grid,
    definition_grid,
    other_grid,
    rate_grid,
    summary_grid,
    words,
)
from imilab.reporting.provenance import local_minute, version

__all__ = ["to_page"]


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%").replace(" points", "\N{NO-BREAK SPACE}points")


def _picture(draw: Callable[[str], Figure]) -> Markup:
    """Draw a chart for light paper and for dark screens; `charts.to_html` escapes the alternative text."""
    dark = base64.b64encode(charts.to_png(draw("dark"))).decode()
    return Markup(_PAGES.get_template("picture.html").render(light=Markup(charts.to_html(draw("light"))), dark=dark))  # noqa: S704 - to_html escapes


_PAGES = jinja2.Environment(
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("page"), encoding="utf-8"),
)
_PAGES.filters["unbroken"] = _unbroken


def to_page(content: Content) -> str:
    """Return the whole page; every text in it is escaped.

    Parameters
    ----------
    content : Content
        What the report says.
    """
    order = content.order
    return _PAGES.get_template("page.html").render(
        content=content,
        order=order,
        version=version(),
        made=local_minute(order.made_at, order),
        outcome=words(order.outcome),
        grids=_grids(content) if len(content.calls) else {},
        pictures=_pictures(content) if len(content.calls) else {},
    )


def _grids(content: Content) -> dict[str, Grid]:
    zone = content.order.zone.key
    under = "; under each rate its calls and its interval, in per cent"
    found = {
        "summary": summary_grid(content),
        "voice": rate_grid(content.by_voice, "voice", f"Rates by voice{under}", "no voice (recording)"),
        "hour": rate_grid(content.by_hour, "hour", f"Rates by hour of day in {zone}{under}", "unknown"),
        "outcomes": definition_grid("Outcomes", ("outcome", "meaning", "told by code"), content.outcomes),
        "denominators": definition_grid("Calls that are counted", ("calls", "meaning", ""), content.denominators),
    }
    if content.by_code:
        found["code"] = code_grid(content)
        found["codes"] = definition_grid("Codes that occur", ("code", "meaning", "outcome"), content.codes)
    if content.comparison:
        found["comparison"] = comparison_grid(content.comparison)
        found["others"] = other_grid(content.other_comparisons)
    return found


def _pictures(content: Content) -> dict[str, Markup]:
    outcome = content.order.outcome
    # The page says once what every table's footnotes say.
    summary, voice, hour = (replace(one, footnotes=()) for one in (content.summary, content.by_voice, content.by_hour))
    found = {
        "summary": _picture(lambda theme: charts.outcomes(summary, theme=theme)),
        "voice": _picture(lambda theme: charts.rates(voice, outcome=outcome, theme=theme)),
        "hour": _picture(lambda theme: charts.rates(hour, outcome=outcome, theme=theme)),
    }
    if content.by_code:
        codes = replace(rates(content.calls, by="error_code"), footnotes=())
        found["code"] = _picture(lambda theme: charts.error_codes(codes, theme=theme))
    if content.comparison:
        comparison = replace(content.comparison, footnotes=(), warnings=())
        found["comparison"] = _picture(lambda theme: charts.difference(comparison, theme=theme))
    return found
