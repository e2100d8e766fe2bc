"""The API of the simulated platform, over real HTTP."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from imilab.clock import ScaledClock
from imilab.errors import BadRequestError
from imilab.serving import BackgroundServer
from imilab.simulator import PlacedCall, Simulator, SimulatorSettings
from imilab.terms import Media
from imilab.wire import parse_timestamp, read_response, read_status
from tests.simulator_rig import JSON, RYAN, START, Rig, number, settings

DAVE, ERIN = "+12025550123", "+12025550124"
START_MS = int(START.timestamp() * 1000)


@pytest.fixture(scope="module")
def rig():
    with Rig(settings(tenant_zone="Asia/Kolkata")) as running:
        yield running


def body_of(rig: Rig, **changes: Any) -> bytes:
    document = rig.request(DAVE).to_json()
    for path, value in changes.items():
        *parents, name = path.split("__")
        target: Any = document
        for parent in parents:
            target = target[int(parent)] if parent.isdigit() else target[parent]
        if value is None:
            target.pop(name)
        else:
            target[name] = value
    return orjson.dumps(document)


def test_a_call_is_queued_with_an_id_and_the_tenants_time(rig):
    answer = rig.call(DAVE, "queued")
    (entry,) = read_response(answer.status_code, answer.headers, answer.content)
    assert answer.status_code == 200
    assert (entry.status, entry.correlation_id, entry.queued) == ("Queued", "queued", True)
    assert entry.request_timestamp.endswith("+05:30")
    assert abs(parse_timestamp(entry.request_timestamp, None) - rig.clock.now_ms()) < 3_600_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channel": None}, "channel"),
        ({"channel": "sms"}, "channel"),
        ({"from": None}, "from"),
        ({"from": "2025550100"}, "from"),
        ({"to": []}, "to"),
        ({"to__0__msisdn": ["02025550123"]}, "to.msisdn"),
        ({"to__0__correlationId": 7}, "to.correlationId"),
        ({"priority": 4}, "priority"),
        ({"callbackData": {"a": 1}}, "callbackData"),
        ({"notifyUrl": "http://example.com/hook"}, "notifyUrl"),
        ({"requestedReceipts": ["ringing"]}, "requestedReceipts"),
        ({"sendAt": "2020-01-01T00:00:00Z"}, "sendAt"),
        ({"contactPolicy": "strict"}, "contactPolicy"),
        ({"content": None}, "content"),
        ({"content__type": "SSML"}, "content.type"),
        ({"content__ttsProcessor": "Polly"}, "content.ttsProcessor"),
        ({"content__text": "x" * 2001}, "content.text"),
        ({"content__voiceType": "robot"}, "content.voiceType"),
    ],
)
def test_a_wrong_field_is_named_and_no_number_is_echoed(rig, changes, field):
    placed = len(rig.simulator.journal)
    answer = rig.post(body_of(rig, **changes))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{field}: ")
    assert "2025550" not in answer.text
    assert len(rig.simulator.journal) == placed
    with pytest.raises(BadRequestError) as caught:
        read_response(answer.status_code, answer.headers, answer.content)
    assert caught.value.field
    assert caught.value.field in field


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"call"', b'{"channel": NaN}', b"\xff\xfe", b" " * 1_000_001])
def test_what_is_no_json_object_is_refused(rig, body):
    answer = rig.post(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "7000")


def test_another_content_type_is_refused(rig):
    answer = rig.http.post("/v2/messages", data={"channel": "voice"})
    assert answer.status_code == 415
    assert "content-type" in answer.json()["message"]


@pytest.mark.parametrize(("key", "code"), [(None, "7002"), ("wrong", "7001"), ("simulator-key2", "7001")])
def test_without_the_key_nothing_is_told(rig, key, code):
    headers = {**JSON, **({"key": key} if key else {})}
    known = rig.call(DAVE).json()["messageId"]
    placed = len(rig.simulator.journal)
    with httpx.Client(base_url=rig.platform.url, headers=headers, trust_env=False) as stranger:
        answers = [stranger.post("/v2/messages", content=body_of(rig)), stranger.get(f"/v2/messages/{known}")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, code)] * 2
    assert len(rig.simulator.journal) == placed


def test_other_paths_and_methods_are_refused_in_json(rig):
    assert rig.http.get("/v2/other").status_code == 404
    assert rig.http.get("/v2/other").json()["code"] == "404"
    assert rig.http.delete("/v2/messages/x").status_code == 405
    assert rig.http.get("/v2/messages").headers["allow"] == "POST"
    assert rig.http.get("/v2/messages/unknown").status_code == 404


def test_several_recipients_get_an_entry_each(rig):
    to = [{"msisdn": [DAVE, ERIN], "correlationId": "both"}, {"msisdn": number(500), "correlationId": "other"}]
    answer = rig.post(body_of(rig, to=to))
    entries = read_response(answer.status_code, answer.headers, answer.content)
    assert [entry.correlation_id for entry in entries] == ["both", "both", "other"]
    assert len({entry.message_id for entry in entries}) == 3
    assert [call.msisdn for call in rig.simulator.journal[-3:]] == [DAVE, ERIN, number(500)]


def test_a_batch_with_a_refused_number_is_partly_accepted(rig):
    to = [{"msisdn": [one], "correlationId": one[-4:]} for one in (number(501), "+16465550163")]
    answer = rig.post(body_of(rig, to=to))
    entries = read_response(answer.status_code, answer.headers, answer.content)
    assert answer.status_code == 201
    assert [entry.status for entry in entries] == ["Queued", "Rejected"]
    assert rig.simulator.calls_placed("+16465550163") == 0


def test_the_same_correlation_id_again_places_a_second_call():
    with Rig() as rig:
        ids = [rig.call(DAVE, "again").json()["messageId"] for _ in range(3)]
        assert len(set(ids)) == 3
        assert rig.simulator.calls_placed(DAVE) == 3
        assert rig.simulator.placed == {DAVE: 3}


def test_a_status_answer_has_the_documented_fields(rig):
    answer = rig.call("+16465550119", "status", priority=3, callback_data="mine", requested_receipts=("Answered",))
    rig.drain()
    while rig.clock.now_ms() < rig.simulator.journal[-1].events[-1].at_ms:
        time.sleep(0.002)
    got = rig.http.get(f"/v2/messages/{answer.json()['messageId']}")
    document = got.json()
    expected = (
        "callDuration clientId toType requestTimestamp groupId answeredAt endedAt channel messageId priority version"
    )
    expected += " requestedReceipts content callbackData notifyUrl from correlationId to direction status description"
    assert set(expected.split()) <= set(document)
    assert document["content"] == rig.request(DAVE).to_json()["content"]
    assert (document["version"], document["priority"], document["callbackData"]) == ("2.0", 3, "mine")
    assert document["requestedReceipts"] == ["answered"]
    assert document["answeredAt"].endswith("+05:30")
    status = read_status(got.status_code, got.headers, got.content, None)
    assert (status.status, status.code, status.msisdn) == ("RELEASED", "", "+16465550119")
    assert status.ended_at_ms - status.answered_at_ms == status.call_duration_seconds * 1000 == 3000


def test_a_status_tells_only_what_has_happened(rig):
    rig.call("+16465550111", "life")
    call: PlacedCall = rig.simulator.journal[-1]
    zone = rig.settings.zone
    before = call.status(call.events[0].at_ms - 1, zone)
    assert (before.status, before.receipts(), before.answered_at_raw) == ("Queued", (), "")
    for event in call.events:
        then = call.status(event.at_ms, zone)
        assert (then.status, then.code) == (event.status, event.code)
        assert bool(then.answered_at_raw) == (event.at_ms >= call.events[2].at_ms)
        assert bool(then.ended_at_raw) == (event.status == "RELEASED")
    assert [event.code for event in call.events] == ["7407", "7408", "7519", "7411", "7412", ""]


def test_a_failed_call_ends_with_its_code(rig):
    message_id = rig.call("+16465550102", "busy").json()["messageId"]
    rig.drain()
    document = rig.http.get(f"/v2/messages/{message_id}").json()
    assert (document["status"], document["code"], document["description"]) == ("REJECTED", "7402", "Customer busy")
    assert "answeredAt" not in document
    assert "callDuration" not in document


def test_a_scheduled_call_waits_for_its_time():
    with Rig(time_scale=3600) as rig:
        send_at_ms = rig.clock.now_ms() + 3_600_000
        message_id = rig.call("+16465550119", "later", send_at_ms=send_at_ms).json()["messageId"]
        assert rig.http.get(f"/v2/messages/{message_id}").json()["status"] == "Queued"
        rig.drain()
        events = [receipt.event_at_ms for receipt in rig.receipts("later")]
        assert send_at_ms < events[0] < send_at_ms + 1000
        assert all(caught.at_ms >= send_at_ms for caught in rig.caught)


def test_a_send_at_without_a_zone_is_the_tenants():
    clock = ScaledClock(datetime(2026, 3, 2, 10, tzinfo=UTC), 1)
    with Rig(settings(tenant_zone="Asia/Kolkata"), clock) as rig:
        assert rig.post(body_of(rig, sendAt="2026-03-02T15:31:00")).status_code == 200
        assert rig.simulator.journal[0].start_ms == START_MS + 60_000
        assert rig.post(body_of(rig, sendAt="2026-03-02T15:29:00")).status_code == 400


def test_the_rate_limit_is_never_exceeded_and_recovers():
    with Rig(SimulatorSettings(), time_scale=1) as rig:
        answers = []
        deadline = time.monotonic() + 1.2
        while time.monotonic() < deadline:
            answers.append(rig.call(number(len(answers))))
        refused = [answer for answer in answers if answer.status_code == 429]
        moments = [call.requested_at_ms for call in rig.simulator.journal]
    assert 20 < len(moments) <= 20 * 2
    assert len(moments) + len(refused) == len(answers)
    assert all(later - earlier >= 1000 for earlier, later in zip(moments, moments[20:], strict=False))
    assert refused[0].json() == {"code": "7020", "message": "maximum transaction limit reached"}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}


def test_an_answer_can_be_delayed_on_the_clock():
    with Rig(settings(response_delay_seconds=360), time_scale=3600) as rig:
        began = time.monotonic()
        rig.call(DAVE)
        assert 0.1 <= time.monotonic() - began < 5


def test_a_recording_is_called_like_a_voice(rig):
    answer = rig.call(DAVE, "media", content=Media("jingle-1"), text=None)
    assert answer.status_code == 200
    assert rig.simulator.journal[-1].content == {"type": "media", "mediaId": "jingle-1"}


def fates(seed: int, order: list[int]) -> dict[str, Any]:
    with Rig(settings(seed=seed)) as rig:
        for index in order:
            rig.call(number(index), f"c{index}", content=RYAN)
        return {call.correlation_id: (call.fate, call.message_id) for call in rig.simulator.journal}


def test_the_same_seed_gives_the_same_calls_in_any_order():
    forwards, backwards = fates(7, list(range(15))), fates(7, list(reversed(range(15))))
    assert forwards == backwards
    assert fates(8, list(range(15))) != forwards


def test_nothing_shows_a_number_or_a_key(rig):
    rig.call(DAVE, "shown")
    shown = repr(rig.simulator) + repr(rig.simulator.journal[-1]) + repr(rig.settings)
    assert "2025550" not in shown
    assert "6465550" not in shown
    assert rig.settings.key not in shown


def test_minutes_pass_in_milliseconds_and_time_stamps_stay_exact():
    with Rig(time_scale=20_000) as rig:
        began = time.monotonic()
        for index in range(50):
            rig.call(number(index), f"c{index}")
        rig.drain()
        assert time.monotonic() - began < 10
        stamped = {(one.correlation_id, one.status): one.event_at_ms for one in rig.receipts()}
        expected = {
            (call.correlation_id, event.status): event.at_ms for call in rig.simulator.journal for event in call.events
        }
        assert stamped == expected
        span_ms = max(stamped.values()) - min(stamped.values())
        assert timedelta(milliseconds=span_ms) > timedelta(seconds=20)


def test_mounted_in_another_app_it_starts_with_the_first_call():
    simulator = Simulator(settings(), ScaledClock(START, 3600))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await simulator.drain()
        await simulator.stop()
        await simulator.stop()

    outer = Starlette(routes=[Mount("/simulated", simulator.app)], lifespan=lifespan)
    with Rig() as rig:
        with BackgroundServer(outer) as server:
            url, headers = f"{server.url}/simulated/v2/messages", {**JSON, "key": simulator.settings.key}
            body = rig.request("+16465550119", "mounted").to_bytes()
            assert httpx.post(url, content=body, headers=headers, trust_env=False).status_code == 200
        assert rig.statuses("mounted") == ["OFFERED", "ACCEPTED", "ANSWERED", "RELEASED"]
