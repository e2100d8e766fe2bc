"""Making a plan: its identity, shares, strata, placeholders and refusals."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.designs import allocate
from imilab.errors import InvalidInputError
from imilab.send import Arm, make_plan, read_recipients
from imilab.send.outlook import Outlook
from imilab.send.timing import Timing
from imilab.terms import Media, Voice
from tests.send_rig import RYAN, TEXT, number, numbers

SONIA = Voice("en-GB-SoniaNeural")
KEY = b"k" * 32
ARMS = {"ryan": RYAN, "sonia": SONIA}
MONDAY = 1_772_442_000_000  # 2 March 2026, 09:00 UTC
HOUR = 3_600_000
DAY = 24 * HOUR


def plan(recipients=None, arms=None, text=TEXT, **more):
    options = {"seed": 42, "design": "blocked", "campaign": "lunch", "key": KEY} | more
    return make_plan(read_recipients(numbers(10) if recipients is None else recipients), arms or ARMS, text, **options)


def people(count: int, **fields) -> list[dict[str, object]]:
    return [
        {"msisdn": number(place), **{name: values[place % len(values)] for name, values in fields.items()}}
        for place in range(count)
    ]


@pytest.mark.parametrize(
    ("more", "plan_id"),
    [
        ({}, "41f1511534b3e25c84e1cc5de25ea204"),
        ({"design": "simple"}, "4db2237479bd5258611dd58d9d917554"),
        ({"campaign": None}, "2b4e6dc6c3e707909574367b17e1b37d"),
        (
            {"arms": {"own": Arm(RYAN, text="Hello"), "prompt": Media("m-7")}},
            "3fb12a71d256ef2543c73318504913ae",
        ),
    ],
)
def test_plans_that_were_made_before_there_were_shares_strata_and_hours_keep_their_identity(more, plan_id):
    assert plan(**more).plan_id == plan_id
    assert plan(**more, shares=dict.fromkeys(more.get("arms", ARMS), 3), strata=(), timing=Timing()).plan_id == plan_id
    assert plan(**more, outlook=Outlook(now_ms=MONDAY)).plan_id == plan_id


def test_a_plan_is_known_by_its_design_shares_strata_hours_spacing_and_what_is_said():
    town = people(10, town=["Bath", "York"], name=["Ann", "Ben", "Cem"])
    plans = [
        plan(town),
        plan(town, shares={"ryan": 1, "sonia": 2}),
        plan(town, shares={"ryan": 2, "sonia": 1}),
        plan(town, strata="town"),
        plan(town, strata=["town", "name"]),
        plan(town, design="crossover"),
        plan(town, design="crossover", timing=Timing(spacing="4 hours")),
        plan(town, timing=Timing(spacing="4 hours")),
        plan(town, timing=Timing(between="09:00-20:00")),
        plan(town, timing=Timing(between="09:00-20:00", days="mon-fri")),
        plan(town, timing=Timing(between="09:00-20:00", zone="Europe/London")),
        plan(town, {"ryan": Arm(RYAN, between="09:00-12:00"), "sonia": SONIA}),
        plan(town, text="Hello {name}"),
        plan(people(10, name=["Ann", "Ben"]), text="Hello {name}"),
    ]

    assert len({made.plan_id for made in plans}) == len(plans)


def test_what_no_text_and_no_stratum_needs_does_not_change_a_plan():
    assert plan(people(10, town=["Bath"])).plan_id == plan(numbers(10)).plan_id
    assert plan(shares={"sonia": 2, "ryan": 2}).plan_id == plan().plan_id


def test_shares_are_kept_in_the_plan():
    made = plan(numbers(400), shares={"sonia": 0.25, "ryan": 0.75})

    assert Counter(call.arm for call in made.calls) == {"ryan": 300, "sonia": 100}
    assert made.shares == {"ryan": 3, "sonia": 1}


@pytest.mark.parametrize("shares", [{"ryan": 1}, {"ryan": 1, "sonia": 1, "third": 1}, [1, 2], {}])
def test_shares_name_every_arm(shares):
    with pytest.raises(InvalidInputError, match="ryan, sonia") as refused:
        plan(shares=shares)
    assert refused.value.field == "shares"


@given(st.lists(st.sampled_from(["Bath", "York", "Hull", "", None]), min_size=1, max_size=60), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_arms_are_balanced_within_every_stratum(towns, seed):
    made = plan([{"msisdn": number(place), "town": town} for place, town in enumerate(towns)], seed=seed, strata="town")
    counts = defaultdict(Counter)
    for call, town in zip(made.calls, towns, strict=True):
        assert call.stratum == (town or "(missing)")
        counts[call.stratum][call.arm] += 1
    for arms in counts.values():
        assert abs(arms["ryan"] - arms["sonia"]) <= 2
    expected = allocate(len(towns), list(ARMS), seed=seed, strata=[town or "(missing)" for town in towns])
    assert [(call.arm, call.block, call.stratum) for call in made.calls] == [
        (one.arm, one.block, one.stratum) for one in expected
    ]


def test_several_columns_are_one_stratum_together():
    rows = [
        {"msisdn": number(0), "town": "Bath", "tier": "a/b"},
        {"msisdn": number(1), "town": "Bath/a", "tier": "b"},
        {"msisdn": number(2), "town": "Bath", "tier": 7},
    ]
    assert [call.stratum for call in plan(rows, strata=["town", "tier"]).calls] == [
        "Bath / a//b",
        "Bath//a / b",
        "Bath / 7",
    ]
    with pytest.raises(InvalidInputError, match="no column 'city'; there are town, tier"):
        plan(rows, strata=["town", "city"])
    with pytest.raises(InvalidInputError, match="no column"):
        plan(numbers(3), strata="town")


def test_each_recipient_hears_the_own_name():
    made = plan(people(4, name=["Ann", "Zoë", 7, " Cem "]), text="Hello {name}, your code is {{set}}")

    assert [call.text for call in made.calls] == [
        f"Hello {name}, your code is {{set}}" for name in ("Ann", "Zoë", 7, "Cem")
    ]
    assert made.arms["ryan"].text == "Hello {name}, your code is {{set}}"


def test_who_lacks_a_field_is_refused_by_its_name_and_the_value_is_not_told():
    rows = people(6, name=["Ann", "", None, float("nan"), 2.5, "Eve\nAdam"])
    made = plan([*rows, {"msisdn": number(6)}], text="Hello {name}")
    reasons = dict(zip(made.refused["row"], made.refused["reason"], strict=True))

    assert [call.msisdn for call in made.calls] == [number(0)]
    assert list(reasons) == [2, 3, 4, 5, 6, 7]
    assert all(reason.startswith("name: ") for reason in reasons.values())
    assert "the recipient has no such field" in reasons[7]
    assert not any("Eve" in reason or "2.5" in reason for reason in reasons.values())


def test_who_lacks_a_field_is_refused_whichever_arm_was_drawn():
    arms = {"plain": Arm(RYAN, "Hello"), "warm": Arm(RYAN, "Hello {name}")}
    made = plan(people(40, name=["Ann", ""]), arms)

    assert len(made.calls) == 20
    assert len(made.refusals) == 20
    assert {call.arm for call in made.calls} == {"plain", "warm"}
    assert not any(call.msisdn == number(1) for call in made.calls)


def test_a_text_with_a_stray_brace_is_refused():
    with pytest.raises(InvalidInputError, match="text: a brace"):
        plan(text="Hello {name")


def test_a_number_is_no_placeholder():
    made = plan(people(1, name=["Ann"]), text="Hello {msisdn}")
    assert made.refused["reason"].to_list() == ["msisdn: the recipient has no such field; the text needs it"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"timing": {"send_at": "later"}}, "send_at"),
        ({"timing": {"over": "soon"}}, "over"),
        ({"timing": {"spacing": "0 days"}, "design": "crossover"}, "spacing"),
        ({"timing": {"between": "9-20"}}, "between"),
        ({"timing": {"days": "weekdays"}}, "days"),
        ({"timing": {"zone": "London"}}, "zone"),
        ({"design": "crossover", "shares": {"ryan": 1, "sonia": 2}}, "arms"),
        ({"shares": {"ryan": 0, "sonia": 2}}, "arms"),
        ({"arms": [RYAN, SONIA]}, "arms"),
        ({"strata": 5}, "strata"),
        ({"campaign": " "}, "campaign"),
        ({"campaign": 5}, "campaign"),
        *(({"seed": seed}, "seed") for seed in ("42", None, 1.5, True, 2**63, -(2**63) - 1)),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(more, field):
    with pytest.raises(InvalidInputError) as refused:
        plan(**{**more, "timing": Timing(**more["timing"])} if "timing" in more else more)
    assert refused.value.field == field


def test_a_seed_of_numpys_is_the_same_seed():
    assert plan(seed=np.int64(42)).plan_id == plan(seed=42).plan_id


def test_the_document_keeps_how_the_arms_were_drawn():
    made = plan(people(4, town=["Bath", "York"]), shares={"ryan": 2, "sonia": 4}, strata="town")
    kept = json.loads(made.document())["assignment"]

    assert kept == {
        "order": ["ryan", "sonia"],
        "recipients": 4,
        "shares": {"ryan": 1, "sonia": 2},
        "strata": ["Bath", "York"],
        "stratum_of": [0, 1, 0, 1],
        "columns": ["town"],
    }
