"""Bounds: slow, long, broken and too many requests neither stop good receipts nor lose one."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imilab.serving import ConnectionLimits
from tests.receiver_rig import NOT_RETRIED, ReceiverRig, body, post, read_answer

PATIENCE_SECONDS = 1.0  # what a good receipt may take while others are slow
BRIEF = ConnectionLimits(header_seconds=0.3, request_seconds=0.6, idle_seconds=0.5)
HEAD = b"POST /receipts HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ReceiverRig]]:
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(ReceiverRig(tmp_path, **options))


class Dribblers:
    """Connections that send a byte now and then, each of the same beginning of a request, and come back when ended."""

    def __init__(self, port: int, count: int, beginning: bytes, again: bytes) -> None:
        self._port, self._beginning, self._again = port, beginning, again
        self._stop = threading.Event()
        self.came = 0
        self._sockets = [self._come() for _ in range(count)]
        self._thread = threading.Thread(target=self._dribble)
        self._thread.start()

    def _come(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), 10)
        connection.sendall(self._beginning)
        self.came += 1
        return connection

    def _dribble(self) -> None:
        while not self._stop.wait(0.05):
            for place, connection in enumerate(self._sockets):
                try:
                    connection.sendall(self._again)
                except OSError:
                    connection.close()
                    self._sockets[place] = self._come()

    def __enter__(self) -> Dribblers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        for connection in self._sockets:
            connection.close()


@pytest.mark.parametrize(
    ("beginning", "again"),
    [(b"P", b""), (HEAD, b"X-A: b\r\n"), (HEAD + b"Content-Length: 9999\r\n\r\n", b"x")],
    ids=["first line", "headers", "body"],
)
def test_a_good_receipt_is_answered_while_hundreds_of_connections_dribble(start, beginning, again):
    rig = start(limits=ConnectionLimits(connections=100))
    with Dribblers(rig.server.port, 300, beginning, again):
        for number in range(20):
            assert rig.ask(post(body(number)), PATIENCE_SECONDS) == (200, b"stored")
    assert len(rig.raws()) == 20
    assert rig.server.connections.counts["turned_away"] >= 200
    assert len(rig.server.connections) <= 100


def test_a_kept_connection_in_use_outlives_those_that_dribble(start):
    rig = start(limits=ConnectionLimits(connections=50))
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(rig.connect())
        for number in range(10):
            kept.sendall(post(body(number)))
            assert read_answer(kept)[0] == 200
            for _ in range(20):  # in all 200 that come and stay
                stack.enter_context(rig.connect()).sendall(HEAD)
    assert len(rig.raws()) == 10


@pytest.mark.parametrize(
    "beginning",
    [
        b"POST",
        HEAD,
        HEAD + b"Content-Length: 500\r\n\r\n" + body()[:100],
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5",
    ],
    ids=["first line", "headers", "body", "chunk"],
)
def test_a_request_that_never_ends_is_told_to_come_again(start, beginning):
    rig = start(limits=BRIEF)
    status, _ = rig.ask(beginning)
    assert status == 503
    assert status not in NOT_RETRIED
    assert (rig.raws(), rig.quarantined()) == ([], [])
    assert rig.server.connections.counts["slow"] == 1


def test_a_dribbled_request_is_ended_although_bytes_keep_coming(start):
    rig = start(limits=BRIEF)
    with rig.connect() as connection:
        connection.sendall(HEAD)
        with contextlib.suppress(OSError):
            for _ in range(200):
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.02)
        assert rig.server.connections.counts["slow"] == 1


def test_idle_connections_are_closed_without_a_word(start):
    rig = start(limits=BRIEF)
    with rig.connect() as silent, rig.connect() as used:
        used.sendall(post(body()))
        assert read_answer(used)[0] == 200
        assert read_answer(used) == (0, b"")
        assert read_answer(silent) == (0, b"")
    assert rig.server.connections.counts == {"slow": 0, "turned_away": 0, "malformed": 0, "too_large": 0}


def test_a_slow_but_timely_receipt_is_kept(start):
    rig = start()
    request = post(body())
    with rig.connect() as connection:
        for begin in range(0, len(request), 40):
            connection.sendall(request[begin : begin + 40])
            time.sleep(0.01)
        assert read_answer(connection) == (200, b"stored")
    assert rig.raws() == [body()]


def test_a_chunked_receipt_and_one_that_asks_first_are_kept(start):
    rig = start()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body()[:50], body()[50:])) + b"0\r\n\r\n"
    assert rig.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks) == (200, b"stored")
    with rig.connect() as connection:
        connection.sendall(post(b"", "Expect: 100-continue", length=len(body(2))))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body(2))
        assert read_answer(connection) == (200, b"stored")
    assert rig.raws() == [body(), body(2)]


def test_pipelined_receipts_are_answered_in_turn(start):
    rig = start()
    with rig.connect() as connection:
        connection.sendall(b"".join(post(body(number)) for number in range(5)))
        data = b""
        while data.count(b"HTTP/1.1 200") < 5 or not data.endswith(b"stored"):
            data += connection.recv(65536)
    assert rig.raws() == [body(number) for number in range(5)]


PACKED = gzip.compress(body())
BAD = {
    "gzip": post(PACKED, "Content-Encoding: gzip"),
    "several codings": post(PACKED, "Content-Encoding: identity, br"),
    "coded transfer": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": HEAD + b"Content-Length: -5\r\n\r\n",
    "bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "long header": HEAD + b"X-A: " + b"a" * 300_000,
    "many headers": HEAD + b"X-A: b\r\n" * 40_000,
    "long line": b"POST /" + b"a" * 300_000,
    "long body": post(b"x" * 300_000),
    "long body announced": post(b"", length=10**12),
    "long trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-A: b\r\n" * 3_000_000,
    "offer of HTTP/2": post(body(), "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    "offer of a websocket": post(body(), "Connection: Upgrade", "Upgrade: websocket"),
    "wrong path": post(body(), path="/reciepts"),
    "root": post(body(), path="/"),
}
"""Each may be a receipt, damaged or sent to the wrong place."""


def test_nothing_that_may_be_a_receipt_gets_an_answer_that_is_not_retried(start):
    rig = start(limits=ConnectionLimits(request_seconds=1.0))
    for name, request in BAD.items():
        with rig.connect() as connection:
            with contextlib.suppress(OSError):  # it may hang up before it has read all
                connection.sendall(request)
            status, _ = read_answer(connection)
        assert status == 0 or (status >= 400 and status not in NOT_RETRIED), name
        assert (rig.raws(), rig.quarantined()) == ([], []), name
    assert rig.ask(post(body()))[0] == 200


def test_spellings_of_the_path_lead_to_the_receiver(start):
    rig = start()
    paths = [
        "/receipts",
        "/receipts/",
        "http://h/receipts",
        "/receipts?x=1",
        "/%72eceipts",
        "/receipts/a-token-not-asked-for",
    ]
    assert {path: rig.ask(post(body(), path=path))[0] for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.parametrize("length", [40_000, 60_000, 100_000, 240_000])
@pytest.mark.parametrize("where", ["header", "path"])
def test_long_headers_are_refused_although_they_came_in_one_read(start, where, length):
    rig = start()
    long = "a" * length
    request = post(body(), f"X-Long: {long}") if where == "header" else post(body(), path=f"/receipts?{long}")
    assert rig.ask(request)[0] == 431
    with rig.connect() as kept:  # and with or after a good one
        kept.sendall(post(body()))
        assert read_answer(kept) == (200, b"stored")
        kept.sendall(request)
        assert read_answer(kept)[0] == 431
    with rig.connect() as ahead:
        ahead.sendall(post(body(2)) + request)
        assert read_answer(ahead)[0] in {0, 200, 431}  # the first is still under way, and comes again
    assert rig.server.connections.counts["too_large"] == 3
    assert rig.counted().keys() <= {"stored"}


def test_headers_that_just_fit_are_taken(start):
    assert start().ask(post(body(), f"X-Long: {'a' * 32_000}")) == (200, b"stored")


def test_large_bodies_of_others_leave_room_for_receipts(start):
    rig = start()
    large = post(b"x" * 200_000, length=250_000)
    with contextlib.ExitStack() as stack:
        for _ in range(400):  # more than may be held at once
            connection = stack.enter_context(rig.connect())
            connection.sendall(large)
        for number in range(5):
            assert rig.ask(post(body(number)), 5) == (200, b"stored")
    assert rig.counted()["too_large"] > 0


def flood(connection: socket.socket, at_once: int) -> None:
    """Ask and ask, never more than so many times ahead, and take no answer, until the server takes no more."""
    connection.settimeout(0.2)
    with contextlib.suppress(OSError):
        for _ in range(20_000):
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * at_once)
            if at_once == 1:
                time.sleep(0.0005)


def test_many_requests_ahead_of_their_answers_end_the_connection(start):
    rig = start()
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            flood(stack.enter_context(rig.connect()), 2000)
            assert rig.ask(post(body()), PATIENCE_SECONDS)[0] == 200
    assert rig.server.connections.counts["turned_away"] == 5


def test_those_that_take_no_answers_make_room_for_a_receipt_and_are_let_go(start):
    rig = start(limits=ConnectionLimits(connections=2, answer_seconds=1.0))
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(rig.connect())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            flood(connection, 1)
        assert rig.ask(post(body()), PATIENCE_SECONDS) == (200, b"stored")
        until = time.monotonic() + 15
        while len(rig.server.connections) and time.monotonic() < until:
            time.sleep(0.05)
        assert len(rig.server.connections) == 0


def test_a_flood_of_short_connections_is_served(start):
    rig = start()

    def come(name: int) -> None:
        for number in range(50):
            rig.ask(post(body(name * 100 + number)))

    threads = [threading.Thread(target=come, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rig.raws()) == 400
