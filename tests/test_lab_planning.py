"""Planned campaigns from the façade to the platform: crossovers, hours, sendAt, and what is stored of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

import imilab
from imilab.errors import InvalidInputError
from imilab.store import PlannedCall
from imilab.store.journal import add_plan, planned_calls
from tests.send_rig import RYAN, number, numbers

SONIA = imilab.Voice("en-GB-SoniaNeural")
ARMS = {"ryan": RYAN, "sonia": SONIA}
TEXT = "Time for lunch"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[imilab.Lab]:
    with imilab.Lab.simulated(folder=tmp_path) as opened:
        yield opened


def test_a_crossover_over_two_days_takes_seconds_on_a_fast_clock(tmp_path: Path):
    with imilab.Lab.simulated(folder=tmp_path, time_scale=20_000) as lab:
        plan = lab.plan(numbers(8), ARMS, TEXT, seed=1, design="crossover", spacing="1 day", campaign="lunch")
        summary = lab.send(plan, progress=False)
        requests = lab.requests(unmasked=True).sort_values("requested_at")

        assert (summary.sent, dict(summary.held)) == (16, {})
        assert lab.verify("lunch").ok
        heard = defaultdict(list)
        for row in requests.itertuples():
            heard[row.msisdn].append((row.requested_at, row.arm))
        drawn = defaultdict(list)
        for call in plan.calls:
            drawn[call.msisdn].append(call.arm)
        assert {msisdn: [arm for _, arm in calls] for msisdn, calls in heard.items()} == drawn
        for calls in heard.values():
            assert all(later - earlier >= pd.Timedelta("1 day") * 0.95 for (earlier, _), (later, _) in pairwise(calls))
        again = lab.plan(numbers(8), ARMS, TEXT, seed=1, design="crossover", spacing="1 day", campaign="lunch")
        assert "every call was sent before" in str(lab.send(again, progress=False))


def test_arms_that_differ_in_their_hours_alone_are_called_in_them(tmp_path: Path):
    hours = {"noon": (12, "12:00-13:00"), "tea": (14, "14:00-15:00")}
    arms = {name: imilab.Arm(RYAN, between=between, zone="UTC") for name, (_, between) in hours.items()}
    with imilab.Lab.simulated(folder=tmp_path, time_scale=3600) as lab:
        plan = lab.plan(numbers(6), arms, TEXT, seed=2)
        assert plan.summary().arms["hours"].to_list() == ["12:00-13:00; mon-sun; UTC", "14:00-15:00; mon-sun; UTC"]
        assert set(plan.summary().hours["hour"]) >= {12, 14}
        lab.send(plan, progress=False)
        sent = lab.requests().dropna(subset="requested_at")

    assert len(sent) > 0
    assert all(row.requested_at.hour == hours[row.arm][0] for row in sent.itertuples())


def test_calls_of_many_hours_later_stay_planned_and_the_summary_says_until_when(tmp_path: Path):
    with imilab.Lab.simulated(folder=tmp_path, time_scale=1) as lab:
        plan = lab.plan(numbers(3), ARMS, TEXT, between="12:00-15:00", zone="UTC", campaign="lunch")
        summary = lab.send(plan, progress=False)

    assert (summary.sent, dict(summary.held)) == (0, {"planned for later": 3})
    assert str(summary).endswith("send it again from 2026-03-02 12:00 UTC on")


def test_the_platform_holds_calls_until_their_send_at(tmp_path: Path):
    with imilab.Lab.simulated(folder=tmp_path, time_scale=7200) as lab:
        plan = lab.plan(numbers(6), ARMS, TEXT, between="19:00-20:00", zone="UTC", send_at="platform")
        summary = lab.send(plan, progress=False)
        lab.wait(60)
        calls, requests = lab.calls(), lab.requests()

    assert summary.sent == 6
    assert (requests["send_at"].dt.hour == 19).all()
    assert (requests["requested_at"] < requests["send_at"]).all()
    assert (calls["offered_at"].dropna().dt.hour >= 19).all()
    assert calls["offered_at"].notna().any()


def test_a_plan_that_is_stored_keeps_its_names_and_its_times(lab: imilab.Lab):
    options = {"seed": 3, "campaign": "later", "between": "20:00-21:00", "zone": "Asia/Kolkata"}
    first = lab.plan(numbers(4), ARMS, TEXT, **options)
    lab.send(lab.plan([number(90)], ARMS, TEXT, campaign="other"), progress=False)
    stored = _store(lab, first)
    again = lab.plan(numbers(4), ARMS, TEXT, **options)

    assert again.plan_id == first.plan_id
    assert (first.is_stored, again.is_stored) == (False, True)
    assert "sends what is left of it" in str(again.summary())
    assert "sends what is left of it" not in str(first.summary())
    assert again.times == first.times == tuple(call.not_before_ms for call in stored)
    assert [call.correlation_id for call in again.calls] == [call.correlation_id for call in first.calls]
    assert again.verify().ok
    assert lab.verify("later").calls == 4


def test_who_was_refused_when_a_plan_was_first_sent_stays_out_of_it(lab: imilab.Lab):
    first = lab.plan(numbers(4), ARMS, TEXT, campaign="lunch")
    kept = imilab.Plan(**{**vars(first), "calls": first.calls[1:], "times": first.times[1:], "rows": first.rows[1:]})
    _store(lab, kept)
    again = lab.plan(numbers(4), ARMS, TEXT, campaign="lunch")

    assert [call.msisdn for call in again.calls] == numbers(4)[1:]
    assert again.refused.to_dict("records") == [
        {
            "row": 1,
            "msisdn": "+1•••••100",
            "reason": "not in the plan as it was first sent; a new campaign name makes a new plan",
        }
    ]


def test_the_store_knows_design_block_stratum_and_position(lab: imilab.Lab):
    rows = pd.DataFrame({"msisdn": numbers(8), "town": ["Bath", "York"] * 4})
    plan = lab.plan(rows, ARMS, TEXT, shares={"ryan": 3, "sonia": 1}, strata="town", campaign="towns", seed=9)
    lab.send(plan, progress=False)
    stored = lab.store.rows("SELECT design, block, stratum, position, arm FROM requests ORDER BY position")

    assert stored == [(call.design, call.block, call.stratum, call.position, call.arm) for call in plan.calls]
    assert {stratum for _, _, stratum, _, _ in stored} == {"Bath", "York"}
    assert str(lab.verify("towns")).endswith("(blocked, shares 3:1, 2 strata).")
    lab.store.write(lambda connection: connection.execute("UPDATE requests SET arm = 'sonia' WHERE position = 0"))
    assert lab.verify("towns").wrong == (plan.calls[0].arm != "sonia") == 1


def test_a_campaign_that_was_never_sent_cannot_be_verified(lab: imilab.Lab):
    lab.plan(numbers(2), ARMS, TEXT, campaign="lunch")
    with pytest.raises(InvalidInputError, match="no plan of this name"):
        lab.verify("lunch")


def test_each_recipient_hears_the_own_text_on_the_wire(lab: imilab.Lab, tmp_path: Path):
    listed = tmp_path / "people.csv"
    listed.write_text(f"msisdn,first_name,code\n{number(0)},Ann,0044\n{number(1)},,1\n", encoding="utf-8")
    plan = lab.plan(listed, {"ryan": RYAN}, "Hello {first_name}, code {code}")
    lab.send(plan, progress=False)

    assert lab.requests()["text"].to_list() == ["Hello Ann, code 0044"]
    assert plan.refused["reason"].to_list() == ["first_name: empty; the text needs it"]


def _store(lab: imilab.Lab, plan: imilab.Plan) -> list[PlannedCall]:
    """Record a plan as `Lab.send` does before its first call."""
    lab.store.write(
        lambda connection: add_plan(
            connection,
            plan_id=plan.plan_id,
            campaign=plan.campaign,
            design=plan.design,
            seed=plan.seed,
            document=plan.document(),
            calls=plan.calls,
            caller_id=None,
            number_key=lab.store.number_key,
            now_ms=0,
        )
    )
    with lab.store.reading() as connection:
        return planned_calls(connection, plan.plan_id)


def test_a_summary_says_how_many_numbers_were_called_before(lab: imilab.Lab):
    first = lab.plan(numbers(3), ARMS, TEXT, campaign="tea")
    lab.send(first, progress=False)
    again = lab.plan(numbers(5)[1:], ARMS, TEXT)

    assert (first.called_before, again.called_before) == (0, 2)
    assert lab.plan(numbers(3), ARMS, TEXT, campaign="tea").called_before == 0
    assert "2 of these numbers were called from this store before" in str(again.summary())
    assert "called from this store before" not in str(first.summary())
