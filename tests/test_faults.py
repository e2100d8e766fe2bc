"""A seeded sample of the fault suite; `make test-faults` runs all of it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.allow_list_fuzz import call_the_uncallable, fuzz, fuzzed_numbers, uncallable_numbers
from tests.faults.cap_races import CAP_RACES, race_for_a_cap
from tests.faults.fault_rig import FaultRig
from tests.faults.fork_server import why_no_strace
from tests.faults.points import Point, inside_points, proxy_points, stopped_points, strace_points, try_point
from tests.faults.races import RACERS, race

SEED = 20261123
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the fault suite forks its senders")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    with FaultRig(tmp_path_factory.mktemp("faults")) as one:
        yield one


def test_a_sender_killed_at_any_step_calls_no_number_twice_and_leaves_every_state_named(rig: FaultRig):
    assert try_until(rig, list(inside_points(rig)), 12) == 12


def test_a_sender_killed_while_it_is_stopped_calls_no_number_twice(rig: FaultRig):
    points = list(stopped_points(rig))
    plot = rig.plot(4, stop_after=1, calls_per_second=20.0)
    told = rig.run(plot).told
    states = plot.states()
    rig.finish(plot)

    assert "was put there" in told["stopped"]
    assert "sending" not in states.values()
    assert (told["sent"] + list(states.values()).count("planned"), plot.findings) == (4, [])
    assert try_until(rig, points, 4) == 4


def try_until(rig: FaultRig, points: list[Point], wanted: int) -> int:
    """Try points of chance until so many were reached; a step that shares a commit with another may not be."""
    reached = 0
    for point in random.Random(SEED).sample(points, min(len(points), 2 * wanted)):
        happened, findings = try_point(rig, point)
        assert findings == [], point
        reached += happened
        if reached == wanted:
            break
    return reached


def test_a_sender_killed_at_a_system_call_calls_no_number_twice(rig: FaultRig):
    if reason := why_no_strace():
        pytest.skip(reason)
    early = [point for point in strace_points() if point.when <= 3]
    for point in random.Random(SEED).sample(early, 4):
        reached, findings = try_point(rig, point)

        assert reached, point
        assert findings == [], point


def test_a_broken_request_is_not_sent_again(rig: FaultRig):
    for point in random.Random(SEED).sample(list(proxy_points()), 6):
        reached, findings = try_point(rig, point)

        assert reached, point
        assert findings == [], point


@pytest.mark.parametrize("killed", [0, 2])
def test_of_eight_senders_on_one_plan_no_two_call_the_same_number(rig: FaultRig, killed: int):
    sent, findings = race(rig, calls=20, killed=killed, seed=SEED)

    assert findings == []
    assert len(sent) <= RACERS + 1


@pytest.mark.parametrize("name", random.Random(SEED).sample(sorted(CAP_RACES), 3))
def test_caps_hold_in_the_claims_alone_where_eight_senders_race(rig: FaultRig, name: str):
    placed, findings = race_for_a_cap(rig, CAP_RACES[name])

    assert findings == []
    assert placed > 0


def test_the_suite_notices_calls_beyond_a_cap(rig: FaultRig):
    loose = replace(CAP_RACES["per campaign"], caps={"cap_campaign": 14})

    assert race_for_a_cap(rig, loose) == (14, ["calls [14], where 13 in all are allowed"])


def test_the_suite_notices_a_number_that_is_called_twice(rig: FaultRig):
    plot = rig.plot(2)
    rig.run(plot)
    rig._wait_for_receipts(plot)
    plot.store.write(lambda connection: connection.execute("DELETE FROM receipts"))
    plot.store.write(
        lambda connection: connection.execute("UPDATE requests SET state = 'planned', attempt = 0 WHERE position = 0")
    )
    before = rig.doubles
    rig.finish(plot)

    assert plot.findings[0] == "a number was called 2 times"
    assert rig.doubles == before + 1
    rig.doubles = before


def test_a_finished_plan_sent_again_sends_nothing_and_says_so(rig: FaultRig):
    plot = rig.plot(3)
    rig.run(plot)
    last = rig.finish(plot)

    assert plot.findings == []
    assert last.told["text"] == "lunch: nothing left to send; every call was sent before (3 final)"


def test_no_fuzzed_number_off_the_allow_list_is_called():
    texts = list(fuzzed_numbers(2000, SEED))
    left, strangers = fuzz(2000, seed=SEED)

    assert len(set(texts)) > 1000
    assert left >= 400  # those on the list are called, or nothing would be tested
    assert strangers == 0


def test_no_number_that_never_may_ring_is_called_even_from_the_allow_list():
    assert len(uncallable_numbers()) > 500
    tried, left = call_the_uncallable(0.4)

    assert tried > 150
    assert left == 0
