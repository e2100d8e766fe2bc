"""Each magic number does what its row says."""

from __future__ import annotations

import logging
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from imilab.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnauthorisedError,
    UnexpectedBodyError,
)
from imilab.serving import BackgroundServer
from imilab.simulator import MAGIC
from imilab.simulator.answers import HungUp
from imilab.wire import read_response
from tests.simulator_rig import SIMULATOR_KEY, Rig, settings

LATE_SECONDS = 2400


@pytest.fixture(scope="module")
def rig():
    with Rig(settings(late_seconds=LATE_SECONDS, slow_answer_seconds=0.5)) as running:
        yield running


ON_THE_WAY = [("OFFERED", "7407"), ("ACCEPTED", "7408")]
ANSWERED = [*ON_THE_WAY, ("ANSWERED", "7519")]
HEARD_ALL = [*ANSWERED, ("RELEASED", "")]
RECEIPTS = {
    "01": [*ON_THE_WAY, ("REJECTED", "7401")],
    "02": [*ON_THE_WAY, ("REJECTED", "7402")],
    "04": [*ON_THE_WAY, ("REJECTED", "7404")],
    "06": [*ON_THE_WAY, ("REJECTED", "7406")],
    "08": [("MESSAGE EXPIRED", "7208")],
    "09": [*ON_THE_WAY, ("DROPPED", "7409")],
    "10": [*ANSWERED, ("DISCONNECTED", "7410")],
    "11": [*ANSWERED, ("TROMBONE CONNECTED", "7411"), ("TROMBONE RELEASED", "7412"), ("RELEASED", "")],
    "19": HEARD_ALL,
    "20": [*ON_THE_WAY, ("DISCONNECTED", "7410")],
    "21": [*ON_THE_WAY, ("REJECTED", "7999")],
    "22": [],
    "24": HEARD_ALL[::-1],
    "25": HEARD_ALL,
}
ERRORS = {
    "40": (400, BadRequestError),
    "41": (401, UnauthorisedError),
    "43": (429, RateLimitedError),
    "44": (404, NotFoundError),
    "45": (405, NotFoundError),
    "49": (409, ConflictError),
    "51": (500, ServerError),
    "53": (503, ServerError),
    "60": (200, RateLimitedError),
}
OTHERS = {"23", "42", "50", "61", "62", "63", "64"}


def magic(ending: str) -> str:
    return f"+164655501{ending}"


def codes(rig: Rig, correlation_id: str) -> list[tuple[str, str]]:
    rig.drain()
    return [(receipt.status, receipt.code) for receipt in rig.receipts(correlation_id)]


def test_every_magic_number_has_a_test_here():
    assert set(MAGIC) == {magic(ending) for ending in {*RECEIPTS, *ERRORS, *OTHERS}}


@pytest.mark.parametrize("ending", RECEIPTS)
def test_a_number_forces_its_receipts(rig, ending):
    assert rig.call(magic(ending), ending).status_code == 200
    assert codes(rig, ending) == RECEIPTS[ending]
    assert rig.simulator.calls_placed(magic(ending)) == 1


@pytest.mark.parametrize("ending", ERRORS)
def test_a_number_forces_its_error_and_no_call(rig, ending):
    http_status, kind = ERRORS[ending]
    for _ in range(2):
        answer = rig.call(magic(ending), ending)
        assert answer.status_code == http_status
        assert "6465550" not in answer.text
        with pytest.raises(kind):
            read_response(answer.status_code, answer.headers, answer.content)
    assert rig.simulator.calls_placed(magic(ending)) == 0


def test_hanging_up_at_once_takes_less_than_a_second(rig):
    rig.call(magic("10"), "at once")
    *_, answered, ended = rig.simulator.journal[-1].events
    assert 0 < ended.at_ms - answered.at_ms < 1000


def test_each_receipt_comes_twice(rig):
    rig.call(magic("23"), "double")
    assert sorted(codes(rig, "double")) == sorted(HEARD_ALL * 2)


def test_late_receipts_tell_the_time_of_the_event(rig):
    rig.call(magic("25"), "late")
    rig.drain()
    late = [caught for caught in rig.caught if caught.receipt().correlation_id == "late"]
    assert len(late) == 4
    assert all(caught.at_ms - caught.receipt().event_at_ms >= LATE_SECONDS * 1000 for caught in late)


def test_without_receipts_the_status_still_tells(rig):
    message_id = rig.call(magic("22"), "quiet").json()["messageId"]
    events = rig.simulator.journal[-1].events
    assert rig.simulator.journal[-1].status(events[-1].at_ms, rig.settings.zone).status == "RELEASED"
    assert rig.http.get(f"/v2/messages/{message_id}").status_code == 200


def test_the_rate_limit_is_met_once(rig):
    answers = [rig.call(magic("42"), "once").status_code for _ in range(2)]
    assert answers == [429, 200]
    assert rig.call(magic("42"), "another").status_code == 429
    assert rig.simulator.calls_placed(magic("42")) == 1
    assert codes(rig, "once") == HEARD_ALL


def test_an_error_500_can_hide_a_placed_call(rig):
    answer = rig.call(magic("50"), "hidden")
    assert answer.status_code == 500
    assert codes(rig, "hidden") == HEARD_ALL


def test_an_unreadable_answer_can_hide_a_placed_call(rig):
    answer = rig.call(magic("61"), "unreadable")
    with pytest.raises(UnexpectedBodyError):
        read_response(answer.status_code, answer.headers, answer.content)
    assert codes(rig, "unreadable") == HEARD_ALL


def test_the_connection_is_closed_without_a_byte_although_the_call_is_placed(rig, caplog):
    body = rig.request(magic("62"), "closed").to_bytes()
    url = urlsplit(rig.platform.url)
    head = f"POST /v2/messages HTTP/1.1\r\nHost: {url.netloc}\r\nKey: {SIMULATOR_KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with caplog.at_level(logging.WARNING), socket.create_connection((url.hostname, url.port), 5) as raw:
        raw.sendall(head.encode() + body)
        assert raw.recv(1000) == b""
    assert caplog.records == []
    with pytest.raises(httpx.RemoteProtocolError):
        rig.call(magic("62"), "closed again")
    assert codes(rig, "closed") == codes(rig, "closed again") == HEARD_ALL
    assert rig.call(magic("19"), "after").status_code == 200


def test_the_connection_breaks_off_on_servers_that_hide_their_transport():
    async def hidden(scope, receive, send):
        async def forward(message):
            await send(message)

        if scope["type"] == "lifespan":
            await Starlette()(scope, receive, send)
        else:
            await HungUp()(scope, receive, forward)

    with BackgroundServer(hidden) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(server.url, trust_env=False)


def test_an_entry_can_be_rejected(rig):
    answer = rig.call(magic("63"), "entry")
    (entry,) = read_response(answer.status_code, answer.headers, answer.content)
    assert (answer.status_code, entry.rejected, entry.code) == (201, True, "7003")
    assert rig.simulator.calls_placed(magic("63")) == 0


def test_a_slow_answer_can_hide_a_placed_call(rig):
    with pytest.raises(httpx.ReadTimeout):
        rig.http.post(
            "/v2/messages",
            content=rig.request(magic("64"), "slow").to_bytes(),
            headers={"content-type": "application/json"},
            timeout=0.1,
        )
    assert codes(rig, "slow") == HEARD_ALL
    assert rig.call(magic("64"), "patient").json()["status"] == "Queued"


def test_one_magic_number_answers_for_the_whole_request(rig):
    document = rig.request("+12025550123", "batch").to_json()
    document["to"].append({"msisdn": [magic("51")], "correlationId": "batch"})
    placed = len(rig.simulator.journal)
    assert rig.http.post("/v2/messages", json=document).status_code == 500
    assert len(rig.simulator.journal) == placed
    document["to"][1]["msisdn"] = [magic("50")]
    assert rig.http.post("/v2/messages", json=document).status_code == 500
    assert len(rig.simulator.journal) == placed + 2
