from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import imilab
from imilab import charts
from imilab.errors import InvalidInputError
from imilab.metrics import METRICS
from imilab.terms import OUTCOMES
from tests.calls_factory import frame_from, make_calls

NAMES = ["en-GB-RyanNeural", "en-GB-SoniaNeural"]
MANY = [f"{place}-{'Multilingual' if place % 3 else ''}{place:02d}Neural" for place in range(40)]
CALLS = {2: make_calls(600, seed=1, voices=NAMES), 40: make_calls(1500, seed=2, voices=MANY, days=3)}
DRAW = {
    "outcomes": lambda calls, theme: charts.outcomes(calls, "voice", theme=theme),
    "rates": lambda calls, theme: charts.rates(calls, "voice", outcome="completed", theme=theme),
    "over_time": lambda calls, theme: charts.over_time(calls, "Europe/London", "day", by="voice", theme=theme),
    "error_codes": lambda calls, theme: charts.error_codes(calls, "voice", theme=theme),
    "difference": lambda calls, theme: charts.difference(imilab.compare(calls, arm="voice"), theme=theme),
}


def dots(figure):
    """Return the single points that are drawn, top to bottom."""
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    return [float(line.get_xdata()[0]) for line in sorted(lines, key=lambda line: line.get_ydata()[0])]


def intervals(axes):
    (drawn,) = [collection for collection in axes.collections if collection.get_gid() == "intervals"]
    return [(segment[0][0], segment[1][0]) for segment in drawn.get_segments()]


def tick_labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def boxes(figure):
    """Return every written text with its box in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


def test_rates_draws_the_rates_and_intervals_of_the_table_in_its_order():
    rows = imilab.rates(CALLS[40], by="voice", outcomes="answered").rows
    figure = charts.rates(CALLS[40], by="voice")

    assert dots(figure) == rows["rate"].tolist()
    assert intervals(figure.axes[0]) == list(zip(rows["low"], rows["high"], strict=True))
    for label, row in zip(tick_labels(figure.axes[0]), rows.to_dict("records"), strict=True):
        waiting = f", {row['pending']} pending" if row["pending"] else ""
        assert label == f"{row['voice']} (n {row['n']}{waiting})"


def test_rates_by_rate_puts_the_highest_first_and_what_cannot_be_rated_last():
    waiting = frame_from([{"voice": "a-new-voice", "outcome": "pending"}])
    figure = charts.rates(pd.concat([CALLS[40], waiting]), by="voice", order="rate")

    assert dots(figure) == sorted(dots(figure), reverse=True)
    assert tick_labels(figure.axes[0])[-1] == "a-new-voice (n 0, 1 pending)"
    assert len(dots(figure)) == len(MANY)


def test_rates_by_what_became_of_a_call_count_no_call_twice():
    n = imilab.rates(CALLS[2], outcomes="answered").rows["n"].iloc[0]

    assert f" {n} resolved calls" in charts.alt_text(charts.rates(CALLS[2], by="end_reason"))


def test_outcomes_of_groups_stack_every_outcome_to_the_whole():
    table = imilab.rates(CALLS[2], by="voice", outcomes=OUTCOMES, denominator="attempted")
    figure = charts.outcomes(table)
    stacks = [{}, {}]
    for bar in figure.axes[0].patches:
        stacks[round(bar.get_y() + bar.get_height() / 2)][bar.get_gid()] = bar.get_width()

    for stack, (_, rows) in zip(stacks, table.rows.groupby("voice"), strict=True):
        rates = {row["outcome"]: row["rate"] for row in rows.to_dict("records") if row["count"]}
        assert list(stack) == list(rates)
        assert stack == pytest.approx(rates)
        assert sum(stack.values()) == pytest.approx(1)
    answered = table.rows[table.rows["outcome"] == "answered"]
    assert intervals(figure.axes[0]) == list(zip(answered["low"], answered["high"], strict=True))


def test_outcomes_of_all_calls_have_a_bar_and_an_interval_each():
    rows = imilab.rates(CALLS[2], outcomes=[name for name in OUTCOMES if METRICS[name].fits("resolved")]).rows
    axes = charts.outcomes(CALLS[2]).axes[0]

    assert [bar.get_width() for bar in axes.patches] == rows["rate"].tolist()
    assert intervals(axes) == list(zip(rows["low"], rows["high"], strict=True))
    assert tick_labels(axes)[:3] == ["answered", "busy", "no answer"]


def test_error_codes_are_shares_of_all_resolved_calls_with_reason_and_the_most_frequent_first():
    codes = ["7402"] * 2 + ["7401"] * 3 + ["7999"]
    outcomes = ["busy"] * 2 + ["no_answer"] * 3 + ["other"]
    failed = [{"outcome": outcome, "error_code": code} for outcome, code in zip(outcomes, codes, strict=True)]
    calls = frame_from([*failed, {"outcome": "lost"}, *[{"outcome": "answered"}] * 13, {"outcome": "pending"}])
    axes = charts.error_codes(calls).axes[0]

    assert [bar.get_width() for bar in axes.patches] == [3 / 20, 2 / 20, 1 / 20, 1 / 20]
    assert tick_labels(axes)[:2] == ["7401 no answer", "7402 customer busy"]
    assert set(tick_labels(axes)[2:]) == {"7999 not documented (other)", "no code (lost)"}
    assert "n 20" in axes.get_xlabel()


def test_error_codes_of_groups_draw_a_code_that_did_not_come_as_none_of_the_groups_calls():
    calls = frame_from(
        [{"arm": "a", "outcome": "busy", "error_code": "7402"}, *[{"arm": "a", "outcome": "answered"}] * 3]
        + [{"arm": "b", "outcome": "answered"}] * 4
    )
    (axes,) = charts.error_codes(calls, by="arm").axes

    assert [bar.get_width() for bar in axes.patches] == [0.25, 0]
    assert intervals(axes)[1] == pytest.approx((0, 1.959964**2 / (4 + 1.959964**2)))  # Wilson's limit at 0 of 4
    assert tick_labels(axes) == ["a (n 4)", "b (n 4)"]


def test_panels_of_error_codes_are_on_one_scale():
    figure = charts.error_codes(CALLS[40], by="voice")
    scales = {round(axes.get_position().width / axes.get_xlim()[1], 6) for axes in figure.axes}

    assert len(figure.axes) > 3
    assert len(scales) == 1


def test_over_time_keeps_the_repeated_hour_apart_and_breaks_the_line_where_no_call_was_counted():
    # London's clock goes from 01:59 back to 01:00 at 01:00 UTC on 2026-10-25.
    starts = ["2026-10-25T00:10Z", "2026-10-25T01:10Z", "2026-10-25T02:10Z", "2026-10-25T05:10Z"]
    calls = frame_from([{"requested_at": start, "outcome": "answered"} for start in starts] * 2)
    strip, axes = charts.over_time(calls, "Europe/London").axes
    runs = [line.get_xdata() for line in axes.lines]

    assert [len(run) for run in runs] == [3, 1]
    assert np.diff(runs[0]) * 24 == pytest.approx([1, 1])
    assert [bar.get_height() for bar in strip.patches] == [2, 2, 2, 2]
    assert "Europe/London" in strip.get_xlabel()


def test_over_time_draws_the_rates_of_each_group():
    rows = imilab.rates(CALLS[2], by=["voice", imilab.day("UTC")], outcomes="answered").rows
    figure = charts.over_time(CALLS[2], "UTC", "day", by="voice")

    for name, group in rows.groupby("voice"):
        (line,) = [line for line in figure.axes[1].lines if line.get_gid() == name]
        assert line.get_ydata().tolist() == group["rate"].tolist()


def test_difference_draws_every_arm_beside_the_line_of_no_difference():
    found = imilab.compare(CALLS[40], arm="voice", outcome="completed")
    figure = found.plot()
    axes = figure.axes[0]

    assert dots(figure) == found.differences["estimate"].tolist()
    assert intervals(axes) == list(zip(found.differences["low"], found.differences["high"], strict=True))
    assert [line.get_xdata()[0] for line in axes.lines if line.get_gid() == "no difference"] == [0]
    assert any("adjusted p" in text for text, _ in boxes(figure))


@pytest.mark.parametrize("name", [name for name in DRAW if name != "difference"])
def test_no_calls_give_a_page_that_says_so(name):
    figure = DRAW[name](CALLS[2].iloc[:0], "light")

    assert charts.alt_text(figure).endswith("no calls to show.")
    assert "No calls to show." in [text for text, _ in boxes(figure)]


@pytest.mark.parametrize("name", list(DRAW))
def test_calls_that_are_all_pending_are_drawn_without_a_rate(name):
    calls = CALLS[2].assign(outcome=pd.Series("pending", CALLS[2].index, dtype="str"), error_code=None, end_reason=None)

    said = charts.alt_text(DRAW[name](calls, "light")).lower()
    assert "no call to rate yet" in said or "nothing can be said" in said or "no error code among 0" in said


def test_the_alternative_text_gives_counts_rates_and_intervals():
    answered, busy = {"outcome": "answered"}, {"outcome": "busy", "error_code": "7402"}
    calls = frame_from(
        [{"arm": "a", **one} for one in (answered, answered, answered, busy)]
        + [{"arm": "b", **one} for one in (answered, busy, {"outcome": "pending"})]
    )

    # Wilson (1927) by hand: 3 of 4 and 1 of 2 at z = 1.96.
    assert charts.alt_text(charts.rates(calls, by="arm")) == (
        "Answered: rate by arm, a dot with an interval in each row. a: 75.0 % (3 of 4; interval 30.1 to 95.4 %). "
        "b: 50.0 % (1 of 2; interval 9.5 to 90.5 %). 6 resolved calls, 1 pending."
    )
    assert "Calls in all: answered 4, busy 2. " in charts.alt_text(charts.outcomes(calls, by="arm"))
    assert "7402 customer busy: 33.3 % (2 of 6; " in charts.alt_text(charts.error_codes(calls))
    assert imilab.compare(calls).verdict in charts.alt_text(imilab.compare(calls).plot())


@pytest.mark.parametrize(
    ("field", "draw"),
    [
        ("theme", lambda: charts.rates(CALLS[2], theme="sepia")),
        ("outcome", lambda: charts.rates(CALLS[2], outcome="anwsered")),
        ("order", lambda: charts.rates(CALLS[2], order="name")),
        ("voise", lambda: charts.outcomes(CALLS[2], "voise")),
        ("by", lambda: charts.outcomes(CALLS[2], "error_code")),
        ("by", lambda: charts.over_time(CALLS[2], "UTC", by="end_reason")),
        ("denominator", lambda: charts.outcomes(CALLS[2], denominator="all")),
        ("every", lambda: charts.over_time(CALLS[2], "UTC", "minute")),
        ("tz", lambda: charts.over_time(CALLS[2], "Europe/Londn")),
        ("by", lambda: charts.rates(imilab.rates(CALLS[2], by="arm"), by="voice")),
        ("outcome", lambda: charts.rates(imilab.rates(CALLS[2], outcomes="busy"))),
        ("calls", lambda: charts.error_codes(imilab.rates(CALLS[2], by="voice"))),
        ("comparison", lambda: charts.difference(imilab.rates(CALLS[2]))),
        ("figure", lambda: charts.alt_text(Figure())),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(field, draw):
    with pytest.raises(InvalidInputError) as refused:
        draw()
    assert refused.value.field == field
