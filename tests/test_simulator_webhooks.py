"""Receipts of the simulated platform: signed, repeated, doubled, held back, lost."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from imilab.errors import SignatureError
from imilab.simulator import Fate, PlacedCall
from imilab.simulator.draws import Draws
from imilab.simulator.placed_call import call_events
from imilab.simulator.webhooks import plan_deliveries
from imilab.wire import read_receipt, verify_signature
from tests.simulator_rig import START, Rig, number, settings

DAVE = "+12025550123"
HEARD = "+16465550119"
START_MS = int(START.timestamp() * 1000)
# domain.md's list, written out.
NOT_REPEATED = [202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 402, 404, 405, 406]
NOT_REPEATED += [407, 408, 409, 410, 411, 414, 415, 416, 418, 505]
REPEATED = [201, 401, 403, 412, 413, 417, 422, 429, 500, 502, 503, 504]


@pytest.fixture(scope="module")
def rig():
    with Rig() as running:
        yield running


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_webhooks_are_signed_with_the_hub_secret(algorithm):
    with Rig(settings(hub_secret="between us", signature_algorithm=algorithm)) as rig:
        rig.call(HEARD)
        rig.drain()
        assert len(rig.caught) == 4
        for caught in rig.caught:
            header = caught.headers["x-hub-signature"]
            assert header.startswith(f"{algorithm}=")
            verify_signature(caught.body, header, [b"between us"])
            with pytest.raises(SignatureError):
                verify_signature(caught.body + b" ", header, [b"between us"])


def test_without_a_hub_secret_webhooks_are_not_signed(rig):
    rig.call(HEARD, "unsigned")
    rig.drain()
    assert all("x-hub-signature" not in caught.headers for caught in rig.caught)
    assert all(caught.headers["content-type"] == "application/json" for caught in rig.caught)


def test_a_receipt_is_the_documented_json(rig):
    message_id = rig.call(HEARD, "json", callback_data="mine").json()["messageId"]
    rig.drain()
    offered = next(caught for caught in rig.caught if b'"json"' in caught.body).receipt()
    note = offered.to_json()["deliveryInfoNotification"]
    assert offered.extra == {}
    assert (note["transid"], note["correlationid"], note["callbackData"]) == (message_id, "json", "mine")
    info = note["deliveryInfo"]
    stamp = info.pop("timeStamp")
    assert info == {
        "Description": "Call offered",
        "code": "7407",
        "deliveryChannel": "voice",
        "additionalInfo": "",
        "destination": HEARD,
        "destinationType": "msisdn",
        "deliveryStatus": "OFFERED",
    }
    assert stamp.endswith("+00:00")


@pytest.mark.parametrize(("style", "ending"), [("offset", "+05:30"), ("z", "Z"), ("naive", "")])
def test_time_stamps_follow_the_tenants_zone(style, ending):
    with Rig(settings(tenant_zone="Asia/Kolkata", timestamp_style=style)) as rig:
        rig.call(HEARD)
        rig.drain()
        for caught, event in zip(rig.caught, rig.simulator.journal[0].events, strict=True):
            stamp = read_receipt(caught.body, None).event_at_raw
            assert stamp[19:] == f".{event.at_ms % 1000:03}{ending}"
            assert read_receipt(caught.body, ZoneInfo("Asia/Kolkata")).event_at_ms == event.at_ms
            assert stamp[11:13] == ("10" if style == "z" else "15")


def test_only_requested_receipts_come(rig):
    rig.call(HEARD, "some", requested_receipts=("Answered", "released"))
    rig.call("+16465550111", "trombone", requested_receipts=("Trombone Connected",))
    rig.drain()
    assert rig.statuses("some") == ["ANSWERED", "RELEASED"]
    assert rig.statuses("trombone") == ["TROMBONE CONNECTED"]


def test_without_a_notify_url_no_receipt_comes(rig):
    before = len(rig.caught)
    assert rig.call(HEARD, "silent", notify_url=None).status_code == 200
    rig.drain()
    assert len(rig.caught) == before


def test_receipts_of_a_call_come_in_order_and_not_early():
    with Rig() as rig:
        for index in range(80):
            rig.call(number(index), f"c{index}")
        rig.drain()
        for call in rig.simulator.journal:
            assert rig.statuses(call.correlation_id) == [event.status for event in call.events]
        assert all(caught.at_ms >= caught.receipt().event_at_ms for caught in rig.caught)
        assert rig.simulator.webhook_counts["delivered"] == len(rig.caught)


def test_answers_are_repeated_or_not_as_documented(rig):
    for status in NOT_REPEATED + REPEATED:
        rig.call(HEARD, f"answer {status}", str(status), requested_receipts=("offered",))
    rig.drain()
    tries = Counter(one.path.rpartition("/")[2] for one in rig.caught)
    assert {status: tries[str(status)] for status in NOT_REPEATED} == dict.fromkeys(NOT_REPEATED, 1)
    assert {status: tries[str(status)] for status in REPEATED} == dict.fromkeys(REPEATED, 4)


def test_a_repeated_receipt_waits_a_minute_and_stops_at_200():
    with Rig() as rig:
        rig.call(HEARD, "twice", "503,500,200")
        rig.drain()
        by_body: dict[bytes, list[int]] = {}
        for caught in rig.caught:
            by_body.setdefault(caught.body, []).append(caught.at_ms)
        assert [len(moments) for moments in by_body.values()] == [3, 3, 3, 3]
        for moments in by_body.values():
            assert all(later - earlier >= 60_000 for earlier, later in pairwise(moments))
        assert rig.simulator.webhook_counts == {"attempted": 12, "repeated": 8, "delivered": 4}


def test_an_unreachable_url_is_tried_four_times():
    with socket.socket() as taken, Rig() as rig:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        rig.call(HEARD, notify_url=url, requested_receipts=("answered",))
        rig.drain()
        assert rig.simulator.webhook_counts == {"attempted": 4, "repeated": 3, "given_up": 1}


def test_a_receiver_that_does_not_answer_is_left_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as deaf, Rig(settings(webhook_timeout_seconds=0.1, retries=1)) as rig:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/hook"
        rig.call(HEARD, notify_url=url, requested_receipts=("answered",))
        rig.drain()
        assert rig.simulator.webhook_counts == {"attempted": 2, "repeated": 1, "given_up": 1}


def test_one_bad_url_does_not_stop_the_others(rig):
    rig.call(HEARD, "bad", notify_url="https://exa_mple..invalid:0/x", requested_receipts=("answered",))
    rig.call(HEARD, "good")
    rig.drain()
    assert rig.statuses("good") == ["OFFERED", "ACCEPTED", "ANSWERED", "RELEASED"]


def test_draining_gives_up_when_told():
    with Rig(time_scale=1) as rig:
        rig.call(HEARD)
        with pytest.raises(TimeoutError):
            rig.platform.drain(0.05)


def placed(index: int) -> PlacedCall:
    fate = Fate("answered", 0.2, 0.5, 8, 12, "released")
    return PlacedCall(
        message_id=str(index),
        correlation_id=f"c{index}",
        msisdn=DAVE,
        caller_id="",
        content={},
        priority=None,
        callback_data="",
        notify_url="https://example.com",
        requested_receipts=(),
        requested_at_ms=START_MS,
        start_ms=START_MS,
        fate=fate,
        events=call_events(START_MS, fate),
    )


def share(count: int, n: int) -> pytest.approx:
    return pytest.approx(0.3, abs=4 * (0.3 * 0.7 / n) ** 0.5)


def plans(**shares: float) -> list[list[int]]:
    """Positions in the call's life, in the order of sending, of 2,000 calls with four events."""
    wanted = settings(**shares)
    calls = [placed(index) for index in range(2000)]
    return [
        [call.events.index(delivery.event) for delivery in plan_deliveries(call, Draws(7), wanted)] for call in calls
    ]


def test_the_share_of_lost_receipts_is_the_one_set():
    found = plans(loss_share=0.3)
    assert 1 - sum(map(len, found)) / 8000 == share(0, 8000)
    assert all(order == sorted(order) for order in found)


def test_the_share_of_doubled_receipts_is_the_one_set():
    found = plans(duplicate_share=0.3)
    assert sum(map(len, found)) / 8000 - 1 == share(0, 8000)
    assert all(set(order) == {0, 1, 2, 3} for order in found)


def test_the_share_of_receipts_behind_their_next_one_is_the_one_set():
    found = plans(reorder_share=0.3)
    assert all(sorted(order) == [0, 1, 2, 3] for order in found)
    behind = sum(order.index(one) > order.index(one + 1) for order in found for one in range(3))
    assert behind / 6000 == share(0, 6000)


def test_receipts_are_planned_no_earlier_than_they_happen_and_in_order_of_time():
    wanted = settings(duplicate_share=0.5, reorder_share=0.5, loss_share=0.1)
    for index in range(200):
        plan = plan_deliveries(placed(index), Draws(7), wanted)
        assert all(delivery.due_ms >= delivery.event.at_ms for delivery in plan)
        assert all(earlier.due_ms <= later.due_ms for earlier, later in pairwise(plan))


def test_misbehaviour_does_not_depend_on_other_calls():
    wanted = settings(duplicate_share=0.3, loss_share=0.3)
    alone = plan_deliveries(placed(1), Draws(7), wanted)
    assert alone == plan_deliveries(replace(placed(1), message_id="another"), Draws(7), wanted)
    assert len({tuple(plan_deliveries(placed(index), Draws(7), wanted)) for index in range(50)}) > 10


def test_all_shares_at_once_over_http():
    with Rig(settings(duplicate_share=1, loss_share=0.5)) as rig:
        for index in range(30):
            rig.call(number(index), f"c{index}")
        rig.drain()
        copies = Counter(caught.body for caught in rig.caught)
        events = sum(len(call.events) for call in rig.simulator.journal)
        assert set(copies.values()) == {2}
        assert 0.2 * events < len(copies) < 0.8 * events
