"""``imilab receive`` as a service: starts, stops in order, logs without numbers, works behind a proxy."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time

import pytest

from imilab.receiver import Receiver
from imilab.serving import bind, make_server
from imilab.store import Store
from tests.command_line import imilab
from tests.receive_service import PATIENCE_SECONDS, service
from tests.receiver_rig import NUMBER, body, post, read_answer

TOKEN = "a-token.of~24_characters"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_finishes_the_request_under_way_and_ends_without_an_error(tmp_path, number):
    with service(tmp_path) as one, one.connect() as connection, one.connect() as idle:
        request = post(body())
        connection.sendall(request[:-100])
        while one.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") != 200:
            pass
        one.process.send_signal(number)
        assert idle.recv(1000) == b""  # it has begun to stop
        connection.sendall(request[-100:])
        assert read_answer(connection) == (200, b"stored")
        code, out, error = one.end()
        assert (code, error) == (0, "")
        assert "Stopped: 1 stored, 0 repeated" in out
    with Store(tmp_path / "imilab.sqlite") as store:
        assert store.rows("SELECT raw FROM receipts") == [(body(),)]


def test_a_request_that_does_not_end_does_not_keep_it_from_stopping(tmp_path):
    with Store(tmp_path / "lab.sqlite") as store, bind("127.0.0.1", 0) as listener:
        server = make_server(Receiver(store), grace_seconds=1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        with socket.create_connection(listener.getsockname(), PATIENCE_SECONDS) as connection:
            connection.sendall(post(body())[:-100])
            while not len(server.connections):
                time.sleep(0.01)
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


def test_its_log_is_json_lines_without_numbers_or_secrets(tmp_path):
    settings = {"IMILAB_RECEIVER_TOKEN": TOKEN, "IMILAB_HUB_SECRET": "hush"}
    with service(tmp_path, "--log-format", "json", **settings) as one:
        assert one.ask(post(body(), path=f"/receipts/{TOKEN}")) == 401
        assert one.ask(post(b'{"destination": "%s"' % NUMBER.encode())) == 401
        assert one.ask(b"\x00" * 100) == 503
        code, out, error = one.stop()
    assert (code, out) == (0, "")
    lines = [json.loads(line) for line in [one.first, *error.splitlines()]]
    assert [line["event"] for line in lines] == ["started", "forged", "stopped"]
    assert all(set(line) <= {"time", "level", "logger", "event", "message", "counts"} for line in lines)
    assert lines[-1]["counts"]["forged"] == 2
    for secret in (TOKEN, "hush", NUMBER[2:]):
        assert secret not in one.first + error


def test_the_token_is_not_shown_and_a_prefix_is(tmp_path):
    with service(tmp_path, "--path-prefix", "/imilab", IMILAB_RECEIVER_TOKEN=TOKEN) as one:
        assert one.path == "/imilab/receipts/<receiver"
        assert one.ask(post(body(), path=f"/imilab/receipts/{TOKEN}")) == 200
        code, out, error = one.stop()
    assert (code, error) == (0, "")
    assert TOKEN not in one.first + out
    assert "can send receipts" not in out


def test_without_any_secret_it_says_so(tmp_path):
    with service(tmp_path) as one:
        assert one.ask(post(body())) == 200
        assert "every program here can send receipts" in one.stop()[1]


def test_too_little_space_is_answered_503_until_there_is_some(tmp_path):
    with service(tmp_path, IMILAB_FREE_SPACE_FLOOR_BYTES=str(2**60)) as one:
        assert one.ask(post(body())) == 503
        assert one.ask(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") == 503
        _, _, error = one.stop()
    assert "MiB are free beside the store" in error
    with service(tmp_path) as one:
        assert one.ask(post(body())) == 200
        one.stop()


class ReverseProxy:
    """A small reverse proxy on loopback: it passes on what is below a prefix, and says for whom."""

    def __init__(self, port: int, prefix: bytes) -> None:
        self._port, self._prefix = port, prefix
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS) as behind:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                line, _, rest = data.partition(b"\r\n")
                method, path, version = line.split()
                path = path.removeprefix(self._prefix)
                said = b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: example.org\r\n"
                behind.sendall(b" ".join((method, path, version)) + b"\r\n" + said + rest)
                connection.sendall(behind.recv(65536))

    def ask(self, request: bytes) -> int:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            return int(connection.recv(65536).split()[1])

    def __enter__(self) -> ReverseProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_behind_a_proxy_receipts_arrive_and_nothing_else_is_shown(tmp_path):
    with service(tmp_path, IMILAB_RECEIVER_TOKEN=TOKEN) as one, ReverseProxy(one.port, b"/hooks") as proxy:
        assert proxy.ask(post(body(), path=f"/hooks/receipts/{TOKEN}")) == 200
        assert proxy.ask(post(body(), path="/hooks/receipts/of-somebody-else-s")) == 401
        assert proxy.ask(b"HEAD /hooks/receipts HTTP/1.1\r\nHost: localhost\r\n\r\n") == 200
        assert proxy.ask(b"GET /hooks/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") == 404
        assert proxy.ask(b"GET /hooks/health HTTP/1.1\r\nHost: localhost\r\n\r\n") == 404
        assert one.ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") == 200
        one.stop()
    with Store(tmp_path / "imilab.sqlite") as store:
        assert store.rows("SELECT count(*) FROM receipts") == [(1,)]


def test_doctor_tells_what_could_not_be_read(tmp_path):
    assert "quarantine     no store yet" in imilab("doctor", folder=tmp_path).stdout
    with service(tmp_path) as one:
        for raw in (b"odd", b"odd", b"odder", body().replace(b'"code":', b'"code":"1","code":')):
            assert one.ask(post(raw)) == 200
        one.stop()
    found = imilab("doctor", folder=tmp_path).stdout
    assert re.search(
        r"3 receipts could not be read, the last at \d{4}-\d\d-\d\d \d\d:\d\d UTC: 2 x not JSON; 1 x a key", found
    )
