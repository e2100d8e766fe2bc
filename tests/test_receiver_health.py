"""``/health``: 200 only where a receipt would be stored, and cheap however often it is asked."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.command_line import imilab
from tests.receive_service import service
from tests.receiver_rig import ReceiverRig, body, post

LOOK = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
WRITES = "SELECT value FROM send_counters WHERE name = 'health'"
REMEMBERED_SECONDS = 1.1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux sets limits of another process")
def test_a_disk_that_takes_no_byte_makes_it_503_and_doctor_says_so(tmp_path):
    import resource  # Windows has none

    with service(tmp_path) as one:
        assert [one.ask(post(body(1))), one.ask(LOOK)] == [200, 200]
        _, hard = resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
        time.sleep(REMEMBERED_SECONDS)
        assert [one.ask(post(body(2))), one.ask(LOOK)] == [503, 503]
        resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        time.sleep(REMEMBERED_SECONDS)
        assert [one.ask(post(body(2))), one.ask(LOOK)] == [200, 200]
        one.stop()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # inherited
    try:
        told = imilab("doctor", folder=tmp_path).stdout
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (line,) = [line for line in told.splitlines() if " store " in line]
    assert line.startswith("MEND")
    assert "writes;" not in line


def test_it_writes_at_most_once_a_second_for_all_who_ask(tmp_path):
    with ReceiverRig(tmp_path) as rig, ThreadPoolExecutor(16) as pool:
        began = time.monotonic()
        assert set(pool.map(lambda _: rig.ask(LOOK)[0], range(200))) == {200}
        most = 1 + (time.monotonic() - began)
        ((writes,),) = rig.store.rows(WRITES)
        assert 1 <= writes <= most
        time.sleep(REMEMBERED_SECONDS)
        rig.ask(LOOK)
        assert rig.store.rows(WRITES) == [(writes + 1,)]


def test_a_store_that_hangs_makes_it_503_for_all_who_ask_and_gets_one_job(tmp_path):
    with ReceiverRig(tmp_path) as rig, ThreadPoolExecutor(8) as pool:
        entered, done = threading.Event(), threading.Event()
        held = rig.store.submit(lambda _: entered.set() or done.wait(20))
        assert entered.wait(10)
        assert list(pool.map(lambda _: rig.ask(LOOK)[0], range(8))) == [503] * 8
        done.set()
        held.result(10)
        time.sleep(REMEMBERED_SECONDS)
        assert rig.ask(LOOK)[0] == 200
        assert rig.store.rows(WRITES) == [(1,)]
