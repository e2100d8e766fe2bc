"""The promise: whatever the platform answers, no number is called twice. Counted by the platform itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imilab.client import AsyncPlatformClient
from imilab.errors import InvalidInputError
from imilab.send.pace import Pace
from imilab.send.rules import CallingRules
from imilab.send.sender import Sender
from imilab.send.summary import SendOptions
from imilab.simulator import SimulatorSettings
from imilab.store import Store
from imilab.store.journal import add_plan
from tests.send_rig import CALLER, SendRig, magic, number, numbers

OFTEN = SimulatorSettings(transactions_per_second=100_000)


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SendRig]:
    """A platform that sends no receipts, asked with little patience."""
    with SendRig(tmp_path_factory.mktemp("deaf"), receives=False, request_timeout_seconds=1.0) as rig:
        yield rig


@pytest.mark.parametrize(
    ("ending", "state", "placed"),
    [
        ("40", "rejected", 0),
        ("49", "rejected", 0),
        ("63", "rejected", 0),
        ("50", "unknown", 1),
        ("51", "unknown", 0),
        ("53", "unknown", 0),
        ("61", "unknown", 1),
        ("62", "unknown", 1),
        ("64", "unknown", 1),
        ("42", "accepted", 1),
        ("41", "planned", 0),
        ("43", "planned", 0),
        ("44", "planned", 0),
        ("45", "planned", 0),
        ("60", "planned", 0),
    ],
)
def test_no_answer_of_the_platform_makes_a_number_ring_twice(deaf: SendRig, ending: str, state: str, placed: int):
    plan = deaf.plan([magic(ending)], campaign=ending)
    first = deaf.send(plan)
    before = len(deaf.arrivals)
    again = deaf.send(plan)
    tries = [tried[1:] for tried in deaf.arrivals if tried[0] == magic(ending)]

    assert deaf.states()[magic(ending)] == state
    assert deaf.simulator.calls_placed(magic(ending)) == placed
    assert first.sent == (state != "planned")
    assert (again.sent, len(deaf.arrivals) > before) == (0, state == "planned")
    assert set(tries) == {(plan.calls[0].correlation_id, "sending")}


def test_calls_of_unknown_outcome_that_were_placed_are_resolved_by_their_receipts(tmp_path: Path):
    unknown = [magic(ending) for ending in ("50", "61", "62", "64")]
    with SendRig(tmp_path, request_timeout_seconds=1.0) as rig:
        for msisdn in unknown:
            rig.send(rig.plan([msisdn], campaign=msisdn[-2:]))

        assert rig.wait_for(lambda: rig.states() == dict.fromkeys(unknown, "final"))
        told = dict(rig.store.rows("SELECT msisdn, message_id FROM requests"))
        assert told == {call.msisdn: call.message_id for call in rig.simulator.journal}


def test_the_journal_says_sending_durably_before_the_request_arrives(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        rig.send(rig.plan(numbers(200)))

        assert sorted(msisdn for msisdn, *_ in rig.arrivals) == sorted(numbers(200))
        assert {state for *_, state in rig.arrivals} == {"sending"}


def test_a_busy_platform_gets_the_same_request_again_and_it_is_counted_as_one(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        summary = rig.send(rig.plan([magic("42"), *numbers(3)]))

        assert (summary.sent, summary.stopped) == (4, None)
        assert [msisdn for msisdn, *_ in rig.arrivals].count(magic("42")) == 2
        assert len({name for msisdn, name, _ in rig.arrivals if msisdn == magic("42")}) == 1
        assert rig.store.rows("SELECT attempt FROM requests WHERE msisdn = ?", (magic("42"),)) == [(2,)]
        assert set(rig.placed().values()) == {1}


def test_a_platform_that_stays_busy_stops_the_campaign_and_leaves_the_call_planned(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        summary = rig.send(rig.plan([magic("43"), *numbers(5)]))

        assert summary.sent == 5
        assert "rate limit" in (summary.stopped or "")
        assert rig.states()[magic("43")] == "planned"
        assert sum(rig.placed().values()) == 5


def test_a_refused_key_stops_the_campaign_and_leaves_the_rest_planned(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1) as rig:
        summary = rig.send(rig.plan([magic("41"), *numbers(30)]), calls_per_second=10)

        assert "key or the account" in (summary.stopped or "")
        assert rig.count_states()["planned"] >= 28
        assert rig.states()[magic("41")] == "planned"


def test_a_wrong_base_url_costs_no_recipient_a_call(tmp_path: Path):
    with SendRig(tmp_path, platform=Starlette()) as rig:
        plan = rig.plan(numbers(30))
        summary = rig.send(plan)

        assert (summary.sent, rig.count_states()) == (0, {"planned": 30})
        assert "correct base_url" in (summary.stopped or "")


@pytest.mark.parametrize("ending", ["44", "45"])
def test_an_address_that_has_answered_before_is_right_and_the_call_is_refused(tmp_path: Path, ending: str):
    with SendRig(tmp_path, time_scale=1, receives=False) as rig:
        summary = rig.send(rig.plan([*numbers(3), magic(ending), *numbers(4)[3:]]), calls_per_second=10)

        assert rig.states()[magic(ending)] == "rejected"
        assert (rig.count_states(), summary.stopped) == ({"accepted": 4, "rejected": 1}, None)


def test_a_platform_that_cannot_be_reached_leaves_everything_planned(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        rig._served.stop()
        summary = rig.send(rig.plan(numbers(5)))

        assert (summary.sent, rig.count_states()) == (0, {"planned": 5})
        assert "did not reach the platform" in (summary.stopped or "")


def test_three_unknown_outcomes_in_a_row_stop_the_campaign(tmp_path: Path):
    # One call at a time: 25 ms apart.
    with SendRig(tmp_path, calls_per_second=0.04) as rig:
        plan = rig.plan([number(0), *(magic(ending) for ending in ("51", "53", "61")), *numbers(9)[1:]])
        summary = rig.send(plan)

        assert summary.stopped == "3 calls in a row have an unknown outcome; look at the network and the platform"
        assert 4 <= summary.sent <= 6
        rest = rig.send(plan)
        assert (rest.stopped, summary.sent + rest.sent) == (None, 12)
        assert rig.placed() == dict.fromkeys([*numbers(9), magic("61")], 1)


def test_a_summary_says_what_is_to_be_done_about_unknown_outcomes(tmp_path: Path):
    with SendRig(tmp_path, receives=False) as rig:
        plan = rig.plan([magic("50"), number(0)])
        first, again = rig.send(plan), rig.send(plan)

        assert first.states["unknown"] == 1
        for summary in (first, again):
            assert str(summary).endswith("; 1 unknown: never sent again, see lab.unknown() or imilab resolve")
        assert "unknown" not in str(rig.send(rig.plan([number(1)], campaign="dinner")))


def test_ten_refusals_in_a_row_stop_the_campaign(tmp_path: Path):
    async def refuse(request: Request) -> Response:
        return Response(b'{"code": "7003", "message": "notifyUrl: not reachable"}', 400)

    platform = Starlette(routes=[Route("/v2/messages", refuse, methods=["POST"])])
    with SendRig(tmp_path, platform=platform, calls_per_second=0.04) as rig:
        summary = rig.send(rig.plan(numbers(14)))

        assert summary.stopped == "10 calls in a row were refused; see lab.requests() for the reasons"
        assert (summary.states["rejected"], summary.states["planned"]) == (summary.sent, 14 - summary.sent)
        assert 10 <= summary.sent <= 12


def test_the_contact_policy_of_the_settings_goes_with_every_call(tmp_path: Path):
    bodies: list[dict] = []

    async def accept(request: Request) -> Response:
        bodies.append(await request.json())
        entry = {"correlationId": bodies[-1]["to"][0]["correlationId"], "messageId": f"m{len(bodies)}"}
        return JSONResponse({"response": [{**entry, "status": "Queued"}]})

    platform = Starlette(routes=[Route("/v2/messages", accept, methods=["POST"])])
    policy = {"contactPolicyGroup": "lunch", "channelCheckConsent": True}
    with SendRig(tmp_path, platform=platform, contact_policy=policy) as rig:
        summary = rig.send(rig.plan(numbers(3)))

    assert (summary.sent, [body["contactPolicy"] for body in bodies]) == (3, [policy] * 3)


def test_sending_a_plan_again_sends_nothing_and_says_so(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        plan = rig.plan(numbers(20))
        assert rig.send(plan).sent == 20
        again = rig.send(plan)
        same = rig.send(rig.plan(numbers(20)))

        assert again.sent == same.sent == 0
        assert str(again).startswith("lunch: nothing left to send; every call was sent before (")
        assert sum(again.states.values()) == 20
        assert len(rig.arrivals) == 20


def test_an_empty_plan_sends_nothing_and_says_so(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        assert str(rig.send(rig.plan(["no number"]))) == "lunch: nothing to send; the plan has no calls"


def test_a_campaign_name_stands_for_one_plan(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        rig.send(rig.plan(numbers(3)))
        for other in (rig.plan(numbers(4)), rig.plan(numbers(3), seed=2)):
            with pytest.raises(InvalidInputError, match="campaign"):
                rig.send(other)

        assert rig.send(rig.plan(numbers(3), campaign="dinner")).sent == 3
        assert rig.placed() == dict.fromkeys(numbers(3), 2)


def test_receipts_that_overtake_the_answer_do_not_confuse_the_journal(tmp_path: Path):
    # An answer takes 20 ms of real time, a whole call 5 ms.
    with SendRig(tmp_path, time_scale=10_000, tenant=replace(OFTEN, response_delay_seconds=200.0)) as rig:
        rig.send(rig.plan(numbers(20)))

        assert rig.wait_for(lambda: rig.count_states() == {"final": 20})
        assert set(rig.placed().values()) == {1}


def test_a_call_that_cannot_be_sent_stops_the_others_and_loses_none_of_their_answers(tmp_path: Path):
    with SendRig(tmp_path, receives=False, time_scale=1, tenant=replace(OFTEN, response_delay_seconds=0.3)) as rig:
        plan = rig.plan(numbers(4))
        add(rig.store, rig, plan)
        calls = [*plan.calls[:3], replace(plan.calls[3], text=None)]

        async def work() -> None:
            async with AsyncPlatformClient(rig.settings.base_url or "", rig.settings.key) as client:  # type: ignore[arg-type]  # the rig has a key
                options = SendOptions(caller_id=CALLER)
                rules = CallingRules(rig.settings, simulated=True, number_key=rig.store.number_key)
                sender = Sender(rig.store, client, rig.arming, rules, options, Pace(1000, rig.clock), rig.clock)
                await sender.send(calls)

        with pytest.raises(InvalidInputError, match=r"content\.text"):
            asyncio.run(work())
        assert rig.count_states() == {"accepted": 3, "planned": 1}


def add(store: Store, rig: SendRig, plan) -> None:
    store.write(
        lambda connection: add_plan(
            connection,
            plan_id=plan.plan_id,
            campaign=plan.campaign,
            design=plan.design,
            seed=plan.seed,
            document=plan.document(),
            calls=plan.calls,
            caller_id=CALLER,
            number_key=store.number_key,
            now_ms=rig.clock.now_ms(),
        )
    )
