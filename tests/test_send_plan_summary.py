"""What a plan says it will do, before anything is sent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from imilab.send import Arm, make_plan, read_recipients
from imilab.send.outlook import Outlook
from imilab.send.quiet_hours import QuietHours
from imilab.send.timing import Timing
from imilab.terms import Media
from tests.send_rig import RYAN, number

KEY = b"k" * 32
MONDAY = 1_772_442_000_000  # 2 March 2026, 09:00 UTC
LONDON = "+442079460123"


def summary(recipients=None, arms=None, text="Hello", *, minutes_per_call: float = 1.0, **more):
    options = {
        "seed": 1,
        "design": "blocked",
        "campaign": "lunch",
        "key": KEY,
        "outlook": Outlook(now_ms=MONDAY),
    } | more
    people = [number(place) for place in range(6)] if recipients is None else recipients
    made = make_plan(read_recipients(people), arms or {"a": RYAN, "b": RYAN}, text, **options)
    return made.summary(minutes_per_call=minutes_per_call)


def test_it_counts_calls_by_arm_country_and_reason():
    shown = summary([*(number(place) for place in range(6)), LONDON, number(1), "nobody", "2025550199"])

    assert (shown.calls, shown.numbers) == (7, 7)
    assert shown.arms["calls"].sum() == 7
    assert shown.arms["hours"].to_list() == ["any", "any"]
    assert shown.countries[["country", "calls"]].to_dict("records") == [
        {"country": "US", "calls": 6},
        {"country": "GB", "calls": 1},
    ]
    assert shown.refused.to_dict("records") == [
        {"reason": "not E.164: write +, country code and number", "recipients": 2},
        {"reason": "stands in the list already", "recipients": 1},
    ]


def test_it_counts_hours_on_the_recipients_clock_and_on_the_tenants():
    timing = Timing(between="09:00-11:00")
    outlook = Outlook(now_ms=MONDAY, tenant_zone="Asia/Kolkata")
    shown = summary(["+12025550123", LONDON], {"a": RYAN}, timing=timing, outlook=outlook)

    assert shown.hours.to_dict("records") == [
        {"day": date(2026, 3, 2), "hour": 9, "recipients_clock": 2, "tenants_clock": 0},
        {"day": date(2026, 3, 2), "hour": 14, "recipients_clock": 0, "tenants_clock": 1},
        {"day": date(2026, 3, 2), "hour": 19, "recipients_clock": 0, "tenants_clock": 1},
    ]
    assert (shown.starts, shown.ends) == (
        pd.Timestamp("2026-03-02T09:00Z"),
        pd.Timestamp("2026-03-02T14:00Z"),
    )
    assert shown.minutes == 300
    assert "Asia/Kolkata" in str(shown)


def test_it_estimates_minutes_at_the_pace_and_around_quiet_hours():
    pace = Outlook(now_ms=MONDAY, calls_per_second=0.1)
    assert summary(outlook=pace).minutes == pytest.approx(5 * 10 / 60)
    quiet = Outlook(now_ms=MONDAY, quiet=QuietHours("20:00", "09:00"))  # 04:00 in Washington
    assert summary(outlook=quiet).starts == pd.Timestamp("2026-03-02T14:00Z")
    assert summary([LONDON, number(0)], outlook=quiet).minutes == 300


def test_it_estimates_the_cost_and_says_what_it_assumes():
    outlook = Outlook(
        now_ms=MONDAY,
        price_per_call={"US": Decimal("0.01"), "*": Decimal("0.05")},
        price_per_minute={"US": Decimal("0.02")},
        currency="EUR",
    )
    shown = summary([number(0), number(1), LONDON], outlook=outlook, minutes_per_call=1.5)

    assert dict(zip(shown.countries["country"], shown.countries["cost"], strict=True)) == {"US": 0.08, "GB": 0.05}
    assert shown.cost == pytest.approx(0.13)
    assert "about 0.13 EUR" in str(shown)
    assert "lasts 1.5 minutes" in str(shown)


def test_a_missing_price_is_named_and_not_guessed():
    outlook = Outlook(now_ms=MONDAY, price_per_call={"US": Decimal("0.01")})
    shown = summary([number(0), LONDON], outlook=outlook)

    assert shown.cost == 0.01
    assert shown.countries["cost"].isna().to_list() == [False, True]
    assert "No price is set for GB (1 call)" in str(shown)
    assert "no price per minute is set" in str(shown)
    assert summary().cost is None
    assert "No price is set for US (6 calls)" in str(summary())


def test_it_shows_what_the_platform_keeps_besides():
    policy = {"contactPolicyGroup": "news", "channelCheckConsent": True}
    shown = summary(outlook=Outlook(now_ms=MONDAY, contact_policy=policy))

    assert shown.contact_policy == policy
    assert "contactPolicyGroup news, channelCheckConsent True" in str(shown)
    assert "contactPolicy" not in str(summary())


def test_it_tells_the_lengths_of_the_texts_that_will_be_spoken():
    arms = {"warm": Arm(RYAN, "Hello {name}"), "prompt": Media("m"), "cool": Arm(RYAN, "\N{PARTY POPPER}")}
    rows = [{"msisdn": number(place), "name": "x" * (place + 1)} for place in range(30)]
    shown = summary(rows, arms, None)

    assert shown.texts["arm"].to_list() == ["warm", "cool"]
    warm, cool = shown.texts.to_dict("records")
    assert 7 <= warm["shortest"] < warm["longest"] <= 36
    assert (cool["shortest"], cool["longest"], cool["allowed"]) == (2, 2, 2000)
    assert shown.arms["text_characters"].to_list() == [warm["longest"], 0, 2]


def test_a_plan_for_nobody_can_be_looked_at():
    shown = summary(["nobody"])
    assert (shown.calls, shown.cost, shown.starts, shown.minutes) == (0, None, None, 0.0)
    assert "0 calls to 0 numbers" in str(shown)
    assert "Not called" in shown.to_html()
    assert summary(["nobody"], outlook=None).calls == 0


def test_numbers_that_may_be_in_several_zones_or_in_none_are_said_so():
    shown = summary(["+18005550199", "+10005550123", number(0)])
    assert "1 call to numbers that may be in several zones" in str(shown)
    assert "1 call to numbers of unknown zone" in str(shown)
    assert (shown.hours["recipients_clock"].sum(), shown.hours["tenants_clock"].sum()) == (2, 3)


def test_every_text_in_its_html_is_escaped_and_no_number_is_in_any_view():
    arms = {"<b>x</b>": Arm(RYAN, "<i>")}
    outlook = Outlook(now_ms=MONDAY, contact_policy={"<u>": "<s>"})
    shown = summary([number(0), "2025550199"], arms, campaign="<script>alert(1)</script>", outlook=outlook)
    html = shown._repr_html_()

    assert not any(tag in html for tag in ("<b>", "<script>", "<u>", "<s>"))
    assert "&lt;script&gt;" in html
    for view in (html, str(shown), repr(shown), *(frame.to_csv() for frame in shown.frames)):
        assert "5550100" not in view
        assert "5550199" not in view


def test_two_summaries_of_one_plan_are_equal():
    assert summary() == summary()
    assert summary() != summary(seed=2, campaign="dinner")
    assert summary() != "lunch"


@pytest.mark.parametrize(
    ("price", "shown"), [("0.01", "0.01"), ("0.0012", "0.0012"), ("1234.5", "1,234.50"), ("0", "0.00")]
)
def test_a_small_cost_is_not_shown_as_none(price, shown):
    outlook = Outlook(now_ms=MONDAY, price_per_call={"*": Decimal(price)}, currency="EUR")
    assert f"about {shown} EUR" in str(summary([number(0)], outlook=outlook))
