"""The receiver over real HTTP: what it answers, and what it has kept by then."""

from __future__ import annotations

import itertools
import logging
import random
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from imilab.clock import ScaledClock
from imilab.errors import ConfigError
from imilab.receiver import MAX_BODY_BYTES, Receiver
from imilab.serving import BackgroundServer
from imilab.store import Store, sqlite
from imilab.wire import Receipt, read_receipt, sign

SAMPLES = Path(__file__).with_name("samples")
NUMBER = "+12025550187"
SECRETS = (b"new secret", b"old secret")
# domain.md: the statuses after which the platform does not try again.
NOT_RETRIED = {*range(202, 209), 226, *range(300, 309), 400, 402, *range(404, 412), 414, 415, 416, 418, 505}


def receipt(number: int = 1, **facts: Any) -> bytes:
    fields = {"status": "OFFERED", "code": "7407", "event_at_raw": "2026-03-02T09:00:00Z", "msisdn": NUMBER} | facts
    return Receipt(message_id=f"m{number}", correlation_id=f"c{number}", **fields).to_bytes()


class Lab:
    """A store, a receiver on it, and a server for both."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.store = Store(folder / "lab.sqlite")
        self.receiver = Receiver(self.store, **options)
        self.server: BackgroundServer = self.receiver.serve().start()
        self.http = httpx.Client(base_url=self.server.url, trust_env=False)

    def post(self, body: bytes, signature: str | None = None) -> httpx.Response:
        return self.http.post("/receipts", content=body, headers={"x-hub-signature": signature} if signature else {})

    def raws(self) -> list[bytes]:
        return [raw for (raw,) in self.store.rows("SELECT raw FROM receipts ORDER BY receipt_id")]

    def quarantined(self) -> list[tuple[bytes, str]]:
        return self.store.rows("SELECT raw, reason FROM quarantine ORDER BY quarantine_id")

    def counted(self) -> dict[str, int]:
        return {name: count for name, count in self.receiver.counts.items() if count}

    def close(self) -> None:
        self.http.close()
        self.server.stop()
        self.store.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    labs: list[Lab] = []

    def make(**options: Any) -> Lab:
        labs.append(Lab(tmp_path, **options))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(start: Callable[..., Lab]) -> Lab:
    return start()


@pytest.fixture
def signed(start: Callable[..., Lab]) -> Lab:
    return start(secrets=SECRETS)


def test_recorded_receipts_are_kept_byte_by_byte(start):
    kolkata = ZoneInfo("Asia/Kolkata")
    lab = start(zone=kolkata, clock=ScaledClock(datetime(2026, 3, 2, 9, tzinfo=UTC), 1e-6))
    raws = {path.read_bytes() for path in SAMPLES.glob("receipt-*/body.json")}
    assert {lab.post(raw).status_code for raw in raws} == {200}
    assert set(lab.raws()) == raws
    kept = lab.store.rows("SELECT raw, event_at_ms, received_at_ms FROM receipts")
    assert kept == [(raw, read_receipt(raw, kolkata).event_at_ms, 1_772_442_000_000) for raw in lab.raws()]
    assert lab.counted() == {"stored": len(raws)}


def test_a_duplicate_is_answered_200_and_stored_once(lab):
    assert [lab.post(receipt()).status_code for _ in range(3)] == [200, 200, 200]
    assert len(lab.raws()) == 1
    assert lab.counted() == {"stored": 1, "repeated": 2}


def test_duplicates_posted_at_once_are_stored_once(lab):
    bodies = [receipt(number) for number in range(20)] * 6
    random.Random(7).shuffle(bodies)
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda body: lab.post(body).status_code, bodies))
    assert answers == [200] * 120
    assert sorted(lab.raws()) == sorted(set(bodies))
    assert lab.counted() == {"stored": 20, "repeated": 100}


def test_the_url_can_be_checked(lab):
    assert lab.http.get("/receipts").status_code == 200
    assert lab.http.head("/receipts").status_code == 200
    assert lab.http.get("/health").text == "ok"
    assert lab.http.get("/elsewhere").status_code == 404
    assert lab.http.put("/receipts").status_code == 405


def test_an_unknown_event_is_an_ordinary_receipt(lab):
    assert lab.post(receipt(status="PARKED", code="9999")).status_code == 200
    assert lab.store.rows("SELECT status, code, ends FROM receipts") == [("PARKED", "9999", 0)]
    assert lab.quarantined() == []


ODD = {
    "empty": (b"", "not JSON"),
    "not JSON": (b"status=OFFERED", "not JSON"),
    "NaN": (receipt().replace(b'"7407"', b"NaN"), "not JSON"),
    "half a surrogate": (receipt().replace(b'"7407"', b'"\\ud800"'), "not JSON"),
    "deep": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "not JSON"),
    "twice": (receipt().replace(b'"code":', b'"code":"1","code":'), "a key occurs twice in one object"),
    "NUL": (receipt().replace(b"7407", b"7407\\u0000"), "code holds a NUL"),
    "number": (receipt().replace(b'"7407"', b"7407"), "code is a int, not a text"),
    "list": (b"[]", "not a JSON object"),
    "nobody": (receipt().replace(b'"m1"', b'""').replace(b'"c1"', b'""'), "neither transid nor correlationid"),
}


def test_an_authentic_but_odd_body_is_answered_200_and_kept_raw_once(signed):
    for body, _ in [*ODD.values(), *ODD.values()]:
        assert signed.post(body, sign(body, SECRETS[0])).status_code == 200
    assert signed.quarantined() == list(ODD.values())
    assert signed.raws() == []
    assert signed.counted() == {"quarantined": len(ODD), "repeated": len(ODD)}


def test_a_signed_receipt_is_taken_bare_or_prefixed_by_either_secret_and_algorithm(signed):
    bodies = []
    for number, (secret, algorithm, bare) in enumerate(
        itertools.product(SECRETS, ("sha256", "sha512"), (True, False)), start=1
    ):
        bodies.append(receipt(number))
        header = sign(bodies[-1], secret, algorithm)
        assert signed.post(bodies[-1], header.partition("=")[2] if bare else header).status_code == 200
    assert signed.raws() == bodies


FORGED = {
    "none": None,
    "other secret": sign(receipt(), b"guess"),
    "other body": sign(receipt(2), SECRETS[0]),
    "sha1": "sha1=" + "0" * 40,
    "bare sha1": "0" * 40,
    "empty": "sha256=",
    "latin-1": "sha256=é".encode("latin-1"),
}


def test_a_forged_webhook_is_refused_and_leaves_nothing(signed):
    refused = [(name, body) for name in FORGED for body in (receipt(), b"odd")]
    answers = {(name, body): signed.post(body, FORGED[name]).status_code for name, body in refused}
    assert answers == dict.fromkeys(refused, 401)
    assert (signed.raws(), signed.quarantined()) == ([], [])
    assert signed.counted() == {"forged": len(refused)}
    assert 401 not in NOT_RETRIED


def test_unsigned_receipts_are_taken_on_loopback_only(tmp_path):
    with Store(tmp_path / "lab.sqlite") as store:
        with pytest.raises(ConfigError, match="anyone could send receipts") as caught:
            Receiver(store).serve("0.0.0.0")
        assert caught.value.field == "hub_secret"
        Receiver(store, secrets=SECRETS).serve("0.0.0.0").stop()


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 8 * 1024 * 1024])
def test_a_body_too_large_is_refused_with_a_status_that_is_retried(lab, size):
    status = lab.post(b"x" * size).status_code
    assert status == 413
    assert status not in NOT_RETRIED
    assert (lab.raws(), lab.quarantined()) == ([], [])
    assert lab.post(receipt()).status_code == 200
    assert lab.counted() == {"too_large": 1, "stored": 1}


def test_a_body_just_small_enough_is_kept(lab):
    padding = MAX_BODY_BYTES - len(receipt(callback_data=""))
    body = receipt(callback_data="x" * padding)
    assert len(body) == MAX_BODY_BYTES
    assert lab.post(body).status_code == 200
    assert lab.raws() == [body]


def test_a_sender_that_breaks_off_leaves_nothing(lab):
    with socket.create_connection(("127.0.0.1", lab.server.port)) as connection:
        connection.sendall(
            b"POST /receipts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n" + receipt()[:100]
        )
    assert lab.post(receipt()).status_code == 200
    assert (lab.raws(), lab.quarantined()) == ([receipt()], [])


def test_it_answers_503_while_it_cannot_store_and_recovers(lab, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(sqlite.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        assert lab.post(receipt()).status_code == 503
        assert lab.post(b"odd").status_code == 503
        assert lab.http.get("/health").status_code == 503
    assert "0 MiB are free" in caplog.text
    assert (lab.raws(), lab.quarantined()) == ([], [])
    assert lab.post(receipt()).status_code == 200
    assert lab.raws() == [receipt()]
    assert lab.counted() == {"refused": 2, "stored": 1}
    assert 503 not in NOT_RETRIED


def test_it_answers_503_where_another_process_holds_the_database(lab):
    lab.store.write(lambda connection: connection.execute("PRAGMA busy_timeout = 50") and None)
    other = sqlite3.connect(lab.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert lab.post(receipt()).status_code == 503
    other.execute("ROLLBACK")
    other.close()
    assert lab.post(receipt()).status_code == 200
    assert lab.raws() == [receipt()]


def test_it_answers_503_on_a_broken_connection_and_recovers(lab):
    with pytest.raises(Exception, match="cannot write"):
        lab.store.write(lambda connection: connection.close())
    assert lab.post(receipt()).status_code == 200


def test_it_answers_503_on_a_closed_store(lab):
    lab.store.close()
    assert lab.post(receipt()).status_code == 503
    assert lab.http.get("/health").status_code == 503


def test_the_answer_comes_after_the_commit(lab):
    entered, done = threading.Event(), threading.Event()
    held = lab.store.submit(lambda _: entered.set() or done.wait(10))
    assert entered.wait(10)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lab.post, receipt())
        with pytest.raises(TimeoutError):
            answer.result(0.2)
        done.set()
        assert answer.result(10).status_code == 200
    held.result(10)


def test_no_log_holds_a_number_or_a_secret(signed, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    for name in ("imilab", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "starlette"):
        caplog.set_level(logging.DEBUG, name)
    odd = b'{"destination": "%s"' % NUMBER.encode()
    for body in (receipt(), odd):
        signed.post(body, sign(body, SECRETS[0]))
        signed.post(body, sign(body, b"guess"))
    monkeypatch.setattr(sqlite.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    signed.post(receipt(3), sign(receipt(3), SECRETS[0]))
    text = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "refused a webhook" in text
    assert "cannot store receipts" in text
    for canary in (NUMBER[2:], "new secret", "old secret", "guess", "deliveryInfo"):
        assert canary not in text
