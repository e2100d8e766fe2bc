"""Charts of plans, of watching and of checkups draw the numbers of their results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import imilab
from imilab import charts
from imilab.errors import InvalidInputError
from tests.calls_factory import make_calls
from tests.trials import trial

LOOKS = imilab.power(baseline=0.5, mde=0.1, looks=5)


def line(figure: Any, name: str) -> Any:
    return next(each for axes in figure.axes for each in axes.lines if each.get_gid() == name)


@pytest.mark.parametrize("over", ["n", "mde"])
@pytest.mark.parametrize(
    "asked",
    [{}, {"looks": 5}, {"looks": "any"}, {"arms": 4, "shares": (2, 1, 1, 1)}, {"icc": 0.3, "calls_per_number": 5}],
)
def test_a_power_curve_is_what_power_gives_at_every_point(asked: dict[str, Any], over: str) -> None:
    plan = imilab.power(baseline=0.55, mde=-0.05, **asked)
    curve = plan.power_curve(over)
    assert curve[over].is_monotonic_increasing
    own = curve[(curve["n"] == plan.n) & (curve["mde"] == plan.mde)]
    assert own["power"].tolist() == [plan.power]
    for row in curve.iloc[[3, 30]].to_dict("records"):
        again = imilab.power(baseline=0.55, mde=row["mde"], n=round(row["n"]), **asked)
        assert row["power"] == pytest.approx(again.power, abs=1e-6)


def test_the_curve_of_a_margin_starts_at_the_level_and_rises_away_from_it() -> None:
    curve = imilab.power(baseline=0.6, margin=-0.08).power_curve("mde")
    assert curve["mde"].iloc[0] == pytest.approx(-0.08 + 0.05 * 0.08)
    assert curve["power"].is_monotonic_increasing
    assert 0.025 < curve["power"].iloc[0] < 0.06


def test_a_plan_that_is_all_but_powerless_has_a_power_and_a_curve() -> None:
    plan = imilab.power(baseline=0.6, mde=0.001, n=200, looks="any")
    assert 0 < plan.power < 0.05
    assert plan.power_curve()["power"].between(0, 0.05).all()
    assert "inf times" in plan.to_text()


def test_a_plan_is_drawn_with_its_point_marked() -> None:
    plan = imilab.power(baseline=0.55, mde=0.05)
    figure = plan.plot()
    assert (line(figure, "plan").get_xdata()[0], line(figure, "plan").get_ydata()[0]) == (plan.n, plan.power)
    curve = plan.power_curve()
    assert line(figure, "power").get_ydata().tolist() == curve["power"].tolist()
    assert "80.0 % at 3,068 calls" in charts.alt_text(figure)
    assert "80.0 % at +5.0 points" in charts.alt_text(plan.plot("mde"))


def test_planned_looks_are_drawn_between_their_bounds_to_the_end_of_the_plan() -> None:
    found = imilab.monitor(trial(LOOKS.looks[2].n, {"a": 0.5, "b": 0.55}), LOOKS)
    figure = found.plot(theme="dark")
    assert line(figure, "b").get_ydata().tolist() == found.path["statistic"].tolist()
    (axes,) = figure.axes
    bounds = [each for each in axes.lines if each.get_gid() == "bound"]
    expected = [*found.path["bound"], *(look.z for look in LOOKS.looks[3:])]
    assert [each.get_ydata().tolist() for each in bounds] == [expected, [-each for each in expected]]
    assert bounds[0].get_xdata().tolist() == [look.n for look in LOOKS.looks]
    assert found.verdict in charts.alt_text(figure)


@pytest.mark.parametrize(("margin", "sign"), [(-0.08, 1), (0.08, -1)])
def test_a_margin_has_one_bound_on_the_side_that_rules_it_out(margin: float, sign: int) -> None:
    design = imilab.power(baseline=0.6, margin=margin, looks=3)
    found = imilab.monitor(trial(design.looks[0].n, {"a": 0.6, "b": 0.6}), design)
    bounds = [each for each in found.plot().axes[0].lines if each.get_gid() == "bound"]
    assert [np.sign(each.get_ydata()).tolist() for each in bounds] == [[sign] * 3]


def test_pairs_are_drawn_as_the_e_value_after_each_and_where_it_stops() -> None:
    found = imilab.monitor(trial(300, {"a": 0.5, "b": 0.6}), imilab.power(baseline=0.5, mde=0.1))
    figure = found.plot()
    assert line(figure, "b").get_ydata().tolist() == pytest.approx([1.0, *found.path["e_value"]])
    assert line(figure, "bound").get_ydata()[0] == pytest.approx(20)
    assert figure.axes[0].get_yscale() == "log"


def test_before_the_first_look_the_chart_says_so() -> None:
    assert "no look is due yet" in charts.alt_text(imilab.monitor(trial(20, {"a": 0.5, "b": 0.5}), LOOKS).plot())


def test_a_checkup_draws_shares_with_intervals_beside_what_was_meant_and_over_time() -> None:
    calls = make_calls(600, seed=1, voices=["en-GB-RyanNeural", "en-GB-SoniaNeural"])
    meant = {"en-GB-RyanNeural": 0.4, "en-GB-SoniaNeural": 0.6}
    found = imilab.health(calls, arm="voice", shares=meant)
    figure = found.plot()
    shares, drift = figure.axes
    assert sorted(float(each.get_xdata()[0]) for each in shares.lines) == sorted(found.shares["share"])
    dashed = [each.get_segments()[0][0][0] for each in shares.collections if each.get_gid() == "meant"]
    assert dashed == [0.4, 0.6]
    ryan = found.drift[found.drift["arm"] == "en-GB-RyanNeural"]
    assert line(figure, "en-GB-RyanNeural").get_ydata().tolist() == ryan["share"].tolist()
    assert len(drift.lines) == 4
    assert "meant 40.0 %" in charts.alt_text(figure)
    assert found.drift.groupby("slice")["share"].sum().to_numpy() == pytest.approx(1)
    assert found.drift["count"].sum() == found.shares["count"].sum()


def test_charts_refuse_what_they_cannot_draw() -> None:
    for draw, match in ((charts.plan, "power"), (charts.watching, "monitor"), (charts.health, "health")):
        with pytest.raises(InvalidInputError, match=match):
            draw(pd.DataFrame())
    with pytest.raises(InvalidInputError, match="'n' nor 'mde'"):
        LOOKS.plot("calls")
    with pytest.raises(InvalidInputError, match="theme"):
        LOOKS.plot(theme="blue")
