"""The assignment can be drawn again from what was stored with the plan, and what was changed is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.send import make_plan, read_recipients
from imilab.send.verification import check_stored
from imilab.store import Store
from imilab.store.journal import add_plan, calls_of_plan
from imilab.terms import Media
from tests.send_rig import number

KEY = b"k" * 32


def plan(count: int = 12, arms: str = "ab", **more):
    towns = ["Bath", "York", "Hull"]
    rows = [{"msisdn": number(place), "town": towns[place % 3]} for place in range(count)]
    options = {"seed": 5, "design": "blocked", "campaign": "lunch", "key": KEY} | more
    return make_plan(read_recipients(rows), {name: Media(name) for name in arms}, None, **options)


DESIGNS = [
    {},
    {"design": "simple"},
    {"design": "crossover"},
    {"shares": {"a": 1, "b": 3}},
    {"strata": "town"},
    {"shares": {"a": 1, "b": 3}, "strata": "town"},
    {"design": "crossover", "strata": "town"},
]


@pytest.mark.parametrize("more", DESIGNS)
def test_a_plan_and_what_a_store_holds_of_it_are_those_of_the_seed(tmp_path: Path, more):
    made = plan(**more, refusal=lambda msisdn: "no" if msisdn in {number(0), number(7)} else None)
    with Store(tmp_path / "lab.sqlite") as store:
        store.write(
            lambda connection: add_plan(
                connection,
                plan_id=made.plan_id,
                campaign=made.campaign,
                design=made.design,
                seed=made.seed,
                document=made.document(),
                calls=made.calls,
                caller_id=None,
                number_key=KEY,
                now_ms=1,
            )
        )
        ((seed, design, document),) = store.rows("SELECT seed, design, document FROM plans")
        with store.reading() as connection:
            calls = calls_of_plan(connection, made.plan_id)

    assert len(calls) == len(made.calls) > 0
    assert made.verify().ok
    assert check_stored("lunch", seed, design, document, calls).ok
    wrong = check_stored("lunch", seed + 1, design, document, calls)
    assert not wrong
    assert f"lunch: {wrong.wrong} of {len(calls)} calls have another arm" in str(wrong)
    other = "simple" if design != "simple" else "blocked"
    assert not check_stored("lunch", seed, other, document, calls)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(DESIGNS), st.data())
def test_whatever_is_changed_in_one_call_is_found(more, data):
    made = plan(**more)
    place = data.draw(st.integers(0, len(made.calls) - 1))
    call = made.calls[place]
    changes = [{"arm": "other"}, {"block": 99}, {"position": 999}, {"stratum": "Rome"}, {"position": None}]
    if made.design == "crossover":
        changes.append({"msisdn": number(99)})
    changed = replace(call, **data.draw(st.sampled_from(changes)))
    check = replace(made, calls=(*made.calls[:place], changed, *made.calls[place + 1 :])).verify()

    assert not check
    assert check.wrong >= 1
    assert f"of {len(made.calls)} calls have another arm" in str(check)


def test_a_call_that_stands_there_twice_is_found():
    made = plan()
    assert not replace(made, calls=(*made.calls, made.calls[0])).verify()


def test_the_sentence_says_how_the_arms_were_drawn():
    check = plan(shares={"a": 1, "b": 3}, strata="town").verify()
    assert str(check) == ("lunch: every one of 12 calls has the arm that seed 5 gives (blocked, shares 1:3, 3 strata).")


def test_a_plan_that_an_earlier_version_stored_is_checked_in_every_order_of_its_arms():
    made = plan(arms="bca")
    old = json.dumps({name: {"media_id": name} for name in "abc"})

    assert check_stored("lunch", 5, "blocked", old, made.calls).ok
    assert not check_stored("lunch", 6, "blocked", old, made.calls)
    assert not check_stored("lunch", 5, "blocked", "{}", made.calls)
