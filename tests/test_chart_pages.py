from __future__ import annotations

import io
import subprocess
import sys
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rcParams, style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

import imilab
from imilab import charts
from imilab.charts.labels import elided, text_width, wrapped
from imilab.charts.theme import LOOKS, THEMES, contrast, ink_on
from imilab.metrics import METRICS
from imilab.terms import OUTCOMES
from tests.calls_factory import frame_from, make_calls
from tests.trials import trial

NAMES = ["en-GB-RyanNeural", "en-GB-SoniaNeural"]
MANY = [f"{place}-{'Multilingual' if place % 3 else ''}{place:02d}Neural" for place in range(40)]
CALLS = {2: make_calls(600, seed=1, voices=NAMES), 40: make_calls(1500, seed=2, voices=MANY, days=3)}
DRAW = {
    "outcomes": lambda calls, theme: charts.outcomes(calls, "voice", theme=theme, denominator="attempted"),
    "rates": lambda calls, theme: charts.rates(calls, "voice", outcome="completed", theme=theme),
    "over_time": lambda calls, theme: charts.over_time(calls, "Europe/London", "day", by="voice", theme=theme),
    "error_codes": lambda calls, theme: charts.error_codes(calls, "voice", theme=theme),
    "difference": lambda calls, theme: charts.difference(imilab.compare(calls, arm="voice"), theme=theme),
}


def tick_labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def boxes(figure):
    """Return every written text with its box in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("categories", list(CALLS))
@pytest.mark.parametrize("name", list(DRAW))
def test_no_text_overlaps_another_or_leaves_the_page(name, categories, theme):
    figure = DRAW[name](CALLS[categories], theme)

    assert isinstance(figure, Figure)
    assert_legible(figure)


PLANS = {
    "once": imilab.power(baseline=0.55, mde=0.05),
    "looks": imilab.power(baseline=0.5, mde=0.1, looks=4, arms=3),
    "margin": imilab.power(baseline=0.6, margin=-0.08, icc=0.2, calls_per_number=4, looks=3),
    "any": imilab.power(baseline=0.6, mde=-0.08, looks="any"),
}
WATCHED = {
    "once": trial(900, {"a": 0.5, "b": 0.6}, seed=3),
    "looks": trial(PLANS["looks"].looks[2].n, {"a": 0.5, "b": 0.55, "c": 0.63}, seed=3),
    "margin": trial(PLANS["margin"].looks[1].n, {"a": 0.6, "b": 0.65}, seed=8),
    "any": trial(400, {"a": 0.7, "b": 0.2}, seed=4),
}


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("name", list(PLANS))
def test_no_text_of_a_plan_or_of_watching_overlaps_another(name, theme):
    assert_legible(PLANS[name].plot(theme=theme))
    assert_legible(PLANS[name].plot("mde", theme=theme))
    assert_legible(imilab.monitor(WATCHED[name], PLANS[name]).plot(theme=theme))


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("categories", list(CALLS))
def test_no_text_of_a_checkup_overlaps_another(categories, theme):
    assert_legible(imilab.health(CALLS[categories], arm="voice").plot(theme=theme))
    assert_legible(imilab.health(CALLS[categories].drop(columns=["requested_at", "offered_at"]), arm="voice").plot())


@pytest.mark.parametrize("every", ["hour", "day", "weekday", "hour_of_day"])
@pytest.mark.parametrize("categories", list(CALLS))
def test_no_text_of_a_time_axis_overlaps_another(categories, every):
    assert_legible(charts.over_time(CALLS[categories], "America/New_York", every, by="voice"))
    assert_legible(charts.over_time(CALLS[categories], "America/New_York", every))


def assert_legible(figure):
    written = boxes(figure)
    assert len(written) > 10
    # A pixel of slack: boxes are wider than their letters.
    overlapping = [
        (one, other)
        for (one, a), (other, b) in combinations(written, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    assert overlapping == []
    page = figure.bbox
    assert [text for text, box in written if box.x0 < 0 or box.y0 < 0 or box.x1 > page.x1 or box.y1 > page.y1] == []


@pytest.mark.parametrize("name", list(DRAW))
def test_every_chart_says_denominator_interval_and_key_numbers(name):
    figure = DRAW[name](CALLS[2], "dark")
    texts = " ".join(text for text, _ in boxes(figure))
    counted = "attempted" if name == "outcomes" else "resolved"

    assert f"n: {counted} calls" in texts
    assert "95 %" in texts


def test_an_outcome_has_one_colour_in_every_chart_and_both_themes():
    for theme in THEMES:
        stacked = charts.outcomes(CALLS[2], "voice", theme=theme, denominator="attempted").axes[0].patches
        bars = {bar.get_gid(): (to_hex(bar.get_facecolor()).upper(), bar.get_hatch() or "") for bar in stacked}
        assert bars == {name: (LOOKS[name].colour, LOOKS[name].hatch) for name in bars}
        busy = charts.rates(CALLS[2], "voice", outcome="busy", theme=theme).axes[0].lines[0]
        assert (busy.get_color(), busy.get_marker()) == (LOOKS["busy"].colour, LOOKS["busy"].marker)


def test_outcomes_differ_in_more_than_colour_and_can_be_read():
    assert set(OUTCOMES) | set(METRICS) == set(LOOKS)
    assert len({LOOKS[name].colour for name in OUTCOMES}) == len(OUTCOMES)
    assert len({LOOKS[name].hatch for name in OUTCOMES}) == len(OUTCOMES)
    assert len({look.marker for look in LOOKS.values()}) == len(LOOKS)
    for theme in THEMES.values():
        assert contrast(theme.ink, theme.background) > 7
        assert contrast(theme.muted, theme.background) > 4.5
    for look in LOOKS.values():
        assert contrast(look.colour, THEMES["dark"].background) > 3
        assert contrast(ink_on(look.colour), look.colour) > 4.5


def test_names_are_written_as_they_are_and_escaped_in_html():
    calls = CALLS[2].assign(arm=pd.Series('<b>"$x^2$"</b>\n& co', CALLS[2].index, dtype="str"))
    figure = charts.rates(calls, by="arm")
    html = charts.to_html(figure)

    assert tick_labels(figure.axes[0])[0].startswith('<b>"$x^2$"</b> & co (n ')
    assert not figure.axes[0].get_yticklabels()[0].get_parse_math()
    assert html.startswith('<img alt="Answered')
    assert html.count("<") == 1
    assert "&lt;b&gt;&#34;$x^2$&#34;&lt;/b&gt; &amp; co" in html
    assert figure._repr_html_() == html == charts.show(figure).data
    assert "&lt;b&gt;" in charts.to_svg(figure)


def test_the_same_calls_give_the_same_bytes_under_any_style():
    first = charts.outcomes(CALLS[2], "voice")
    with style.context("ggplot"):
        before = dict(rcParams)
        second = charts.outcomes(CALLS[2], "voice")
        assert charts.to_png(second) == charts.to_png(first)
        assert charts.to_svg(second) == charts.to_svg(first)
        assert dict(rcParams) == before
    pixels = imread(io.BytesIO(charts.to_png(first, dots_per_inch=50)))
    assert pixels.shape[1] == round(first.get_figwidth() * 50)


def test_more_rows_than_a_picture_holds_are_left_out_and_said_so():
    rows = [{"campaign": f"{number:04}", "outcome": "answered"} for number in range(250)]
    figure = charts.rates(frame_from(rows), by="campaign")

    assert len(tick_labels(figure.axes[0])) == 200
    assert any(text.startswith("Drawn: the first 200 of 250 rows.") for text, _ in boxes(figure))


def test_drawing_never_loads_pyplot():
    program = (
        "import sys, pandas as pd, imilab; from imilab import charts\n"
        "calls = pd.DataFrame({'arm': ['a', 'b'] * 4, 'outcome': ['answered', 'busy'] * 4,"
        " 'error_code': [None, '7402'] * 4, 'requested_at': pd.to_datetime(['2026-10-19T10:00Z'] * 8)})\n"
        "for figure in (charts.outcomes(calls, 'arm'), charts.rates(calls), charts.over_time(calls, 'UTC'),"
        " charts.error_codes(calls), imilab.compare(calls).plot()):\n"
        "    charts.to_png(figure); charts.to_svg(figure); charts.to_html(figure)\n"
        "print([name for name in sys.modules if 'pyplot' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")


@given(
    st.lists(st.text(st.characters(codec="latin-1", categories=["L", "N", "P"]), min_size=1), unique=True, max_size=6)
)
def test_cut_names_fit_and_stay_different(names):
    shown = elided(names, [0.9] * len(names), 9.5)

    assert len(set(shown)) == len(names)
    assert all(text_width(text, 9.5) <= 0.9 for text in shown)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"])))
def test_wrapped_lines_fit_and_keep_every_word_that_fits(text):
    lines = wrapped(text, 2.0, 9.0)

    assert all(text_width(line, 9.0) <= 2.0 for line in lines)
    if all(text_width(word, 9.0) <= 2.0 for word in text.split()):
        assert " ".join(lines) == " ".join(text.split())
