"""Who is let in: signatures, the token in path or header, and who may look at health and metrics."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imilab.config import Settings
from imilab.errors import ConfigError
from imilab.receiver import Receiver
from imilab.receiver.gate import Gate
from imilab.store import Store
from imilab.wire import sign
from tests.receiver_rig import NOT_RETRIED, ReceiverRig, body, post, read_answer

TOKEN = "a-token.of~24_characters"
OTHER = "b-token.of~24_characters"
SECRET = b"hub secret"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ReceiverRig]]:
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(ReceiverRig(tmp_path, **options))


RIGHT = {
    "path": post(body(), path=f"/receipts/{TOKEN}"),
    "path, escaped": post(body(), path=f"/receipts/%61{TOKEN[1:]}"),
    "bearer": post(body(), f"Authorization: Bearer {TOKEN}"),
    "bearer, in small letters": post(body(), f"authorization: bearer {TOKEN}"),
    "header": post(body(), f"X-Imilab-Token: {TOKEN}"),
}
WRONG = {
    "none": post(body()),
    "slash": post(body(), path="/receipts/"),
    "other": post(body(), path=f"/receipts/{OTHER}"),
    "longer": post(body(), path=f"/receipts/{TOKEN}x"),
    "shorter": post(body(), path=f"/receipts/{TOKEN[:-1]}"),
    "below": post(body(), path=f"/receipts/{TOKEN}/"),
    "query": post(body(), path=f"/receipts?token={TOKEN}"),
    "not ASCII": post(body(), path="/receipts/%ff%fe%c3%a9"),
    "basic": post(body(), f"Authorization: Basic {TOKEN}"),
    "other bearer": post(body(), f"Authorization: Bearer {OTHER}"),
    "other header": post(body(), f"X-Imilab-Token: {OTHER}", path=f"/receipts/{OTHER}"),
    "a huge body": post(b"", length=10**9),
}


def test_a_receipt_with_the_token_is_kept(start):
    rig = start(token=TOKEN)
    answers = {name: rig.ask(request) for name, request in RIGHT.items()}
    assert answers == dict.fromkeys(RIGHT, (200, b"stored"))
    assert rig.raws() == [body()]


def test_a_receipt_without_it_is_refused_and_leaves_nothing(start):
    rig = start(token=TOKEN)
    answers = {name: rig.ask(request)[0] for name, request in WRONG.items()}
    assert answers == dict.fromkeys(WRONG, 401)
    assert (rig.raws(), rig.quarantined(), rig.counted()) == ([], [], {"forged": len(WRONG)})
    assert 401 not in NOT_RETRIED


def test_where_token_and_secret_are_set_both_must_fit(start):
    rig = start(token=TOKEN, secrets=(SECRET,))
    path, signature = f"/receipts/{TOKEN}", f"x-hub-signature: {sign(body(), SECRET)}"
    assert rig.ask(post(body(), path=path))[0] == 401
    assert rig.ask(post(body(), signature))[0] == 401
    assert rig.raws() == []
    assert rig.ask(post(body(), signature, path=path)) == (200, b"stored")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_url_can_be_checked_with_the_token_and_without_and_not_with_another(start, method):
    rig = start(token=TOKEN)

    def status(path: str) -> int:
        request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        return rig.ask(request.encode())[0] if method == "GET" else _head(rig, request)

    assert [status(path) for path in ("/receipts", f"/receipts/{TOKEN}", f"/receipts/{OTHER}")] == [200, 200, 404]


def _head(rig: ReceiverRig, request: str) -> int:
    with rig.connect() as connection:
        connection.sendall(request.encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    assert data.endswith(b"\r\n\r\n")  # no body
    return int(data.split()[1])


def test_either_a_token_or_a_secret_opens_the_network(tmp_path):
    with Store(tmp_path / "lab.sqlite") as store:
        for options in ({"token": TOKEN}, {"secrets": (SECRET,)}):
            Receiver(store, **options).check_address("0.0.0.0")
        for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
            with pytest.raises(ConfigError, match="receiver_token"):
                Receiver(store).check_address(host)
        for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
            Receiver(store).check_address(host)


@pytest.mark.parametrize(
    "token", ["short", "with/slash-and-more", "with space and more", "é" * 20, "x" * 201, "a?b" * 8]
)
def test_a_token_that_is_short_or_no_part_of_a_path_is_refused_without_being_shown(token):
    with pytest.raises(ConfigError) as caught:
        Gate(token=token)
    assert caught.value.field == "receiver_token"
    assert token not in str(caught.value)


def test_the_settings_reach_the_receiver(tmp_path):
    settings = Settings(receiver_token=TOKEN, hub_secret="new", previous_hub_secret="old", tenant_zone="Asia/Kolkata")
    with Store(tmp_path / "other.sqlite") as store:
        receiver = Receiver.from_settings(store, settings)
        assert repr(receiver).endswith("Gate(secrets=2, token=True))")
        assert not receiver.is_open
        with receiver.serve() as server, socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            signature = f"x-hub-signature: {sign(body(), b'old', 'sha512')}"
            connection.sendall(post(body(), signature, path=f"/receipts/{TOKEN}"))
            assert read_answer(connection) == (200, b"stored")


LOOK = "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
PROXIED = ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 proxy", "X-Real-IP: 127.0.0.1"]


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_health_and_metrics_answer_to_this_machine_and_to_the_bearer_of_the_token(start, path):
    rig = start(token=TOKEN)

    def status(*headers: str) -> int:
        lines = "".join(f"{line}\r\n" for line in headers)
        return rig.ask(LOOK.format(path=path, headers=lines).encode())[0]

    assert status() == 200
    assert [status(line) for line in PROXIED] == [404] * 4
    assert [status(line, f"Authorization: Bearer {TOKEN}") for line in PROXIED] == [200] * 4
    assert [status(line, f"Authorization: Bearer {OTHER}") for line in PROXIED] == [404] * 4


def test_without_a_token_no_proxy_sees_health_or_metrics(start):
    rig = start()
    for path in ("/health", "/metrics"):
        assert rig.ask(LOOK.format(path=path, headers="X-Forwarded-For: x\r\n").encode())[0] == 404
        assert rig.ask(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())[0] == 421


def test_health_and_metrics_are_hidden_from_requests_for_another_host(start):
    rig = start(token=TOKEN)

    def status(host: str, *headers: str) -> int:
        lines = "".join(f"{line}\r\n" for line in headers)
        return rig.ask(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())[0]

    here = ["localhost", "LOCALHOST:8081", "127.0.0.1", "127.0.0.1:8081", "127.9.9.9", "[::1]", "[::1]:8081"]
    elsewhere = ["lab.ngrok.app", "lab.ngrok.app:443", "203.0.113.9", "[2001:db8::1]:80", "localhost.example", "", ":1"]
    assert [status(host) for host in here] == [200] * len(here)
    assert [status(host) for host in elsewhere] == [404] * len(elsewhere)
    assert status(elsewhere[0], f"Authorization: Bearer {TOKEN}") == 200
    assert rig.ask(b"GET /metrics HTTP/1.0\r\n\r\n")[0] == 200  # an old program's, which names no host


FOREIGN = {
    "a tunnel": post(body()).replace(b"Host: localhost", b"Host: lab.ngrok.app"),
    "a proxy": post(body(), "X-Forwarded-For: 203.0.113.9"),
    "a web page": post(body(), "Origin: https://page.example", "Content-Type: text/plain"),
    "a page without a name": post(body(), "Origin: null"),
    "a name for this machine": post(body()).replace(b"Host: localhost", b"Host: rebound.example:8081"),
}


def test_without_a_secret_receipts_that_say_that_they_come_from_elsewhere_are_refused(start, caplog):
    rig = start()
    answers = {name: rig.ask(request)[0] for name, request in FOREIGN.items()}
    assert answers == dict.fromkeys(FOREIGN, 401)
    assert (rig.raws(), rig.counted()) == ([], {"forged": len(FOREIGN)})
    assert "set a hub secret or a receiver token" in caplog.text
    assert rig.ask(b"GET /receipts HTTP/1.1\r\nHost: lab.ngrok.app\r\n\r\n")[0] == 401  # told when the URL is saved
    assert rig.ask(post(body())) == (200, b"stored")


def test_with_a_token_they_are_taken_from_everywhere(start):
    rig = start(token=TOKEN)
    requests = [request.replace(b"/receipts", f"/receipts/{TOKEN}".encode(), 1) for request in FOREIGN.values()]
    assert [rig.ask(request)[0] for request in requests] == [200] * len(FOREIGN)
    assert rig.ask(b"GET /receipts HTTP/1.1\r\nHost: lab.ngrok.app\r\n\r\n")[0] == 200


def test_behind_a_prefix_the_receiver_answers_with_and_without_it(start):
    rig = start(path_prefix="/hooks/imilab", token=TOKEN)
    for number, path in enumerate((f"/hooks/imilab/receipts/{TOKEN}", f"/receipts/{TOKEN}")):
        assert rig.ask(post(body(number), path=path)) == (200, b"stored")
    assert rig.ask(post(body(), path=f"/hooks/imilabreceipts/{TOKEN}"))[0] == 421
    assert rig.ask(LOOK.format(path="/hooks/imilab/receipts", headers="").encode())[0] == 200


@pytest.mark.parametrize("prefix", ["imilab", "/", "//"])
def test_a_prefix_that_is_no_path_is_refused(tmp_path, prefix):
    with Store(tmp_path / "lab.sqlite") as store, pytest.raises(ConfigError, match="like /imilab"):
        Receiver(store, path_prefix=prefix)


def test_the_token_is_in_no_log_repr_or_metric(start, caplog):
    for name in ("", "imilab", "imilab.receiver", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        caplog.set_level(logging.DEBUG, name or None)
    rig = start(token=TOKEN)
    for request in (*RIGHT.values(), *WRONG.values(), post(b"odd", path=f"/receipts/{TOKEN}"), b"bad\r\n\r\n"):
        rig.ask(request)
    metrics = rig.ask(LOOK.format(path="/metrics", headers=f"Authorization: Bearer {TOKEN}\r\n").encode())[1].decode()
    records = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert sum("refused a webhook" in record.getMessage() for record in caplog.records) == 1  # not one for each
    for text in (records, metrics, repr(rig.receiver), repr(rig.receiver.__dict__), repr(rig.server)):
        assert TOKEN[4:] not in text
