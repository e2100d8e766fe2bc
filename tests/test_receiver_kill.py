"""SIGKILL in mid-stream: a receipt that was answered 200 is there when the store is opened again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from imilab.store import Store
from imilab.wire import Receipt

ROOT = Path(__file__).parents[1]
SERVE = """
import pathlib, sys, threading
from imilab.receiver import Receiver
from imilab.store import Store
server = Receiver(Store(pathlib.Path(sys.argv[1]))).serve().start()
print(server.url, flush=True)
threading.Event().wait()
"""
AT_ONCE = 32


def receipt(number: int) -> bytes:
    facts = {"status": "OFFERED", "code": "7407", "msisdn": f"+1212555{100 + number % 100:04d}"}
    return Receipt(message_id=f"m{number}", event_at_raw="2026-03-02T09:00:00Z", **facts).to_bytes()


async def post_until_killed(url: str, server: subprocess.Popen[str], kill_after: int, first: int) -> set[bytes]:
    """Post receipts from many tasks, kill the server among them, and give those that were answered 200."""
    acknowledged: set[bytes] = set()
    numbers = iter(range(first, 10**9))

    async def work(session: aiohttp.ClientSession) -> None:
        while True:
            body = receipt(next(numbers))
            async with session.post(f"{url}/receipts", data=body) as response:
                if response.status == 200:
                    acknowledged.add(body)
            if len(acknowledged) >= kill_after and server.poll() is None:
                os.kill(server.pid, signal.SIGKILL)

    async with aiohttp.ClientSession() as session:
        outcomes = await asyncio.gather(*(work(session) for _ in range(AT_ONCE)), return_exceptions=True)
    assert all(isinstance(outcome, aiohttp.ClientError) for outcome in outcomes), outcomes
    return acknowledged


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_receiver_that_is_killed_loses_no_acknowledged_receipt(tmp_path):
    path, chance = tmp_path / "lab.sqlite", random.Random()
    acknowledged: set[bytes] = set()
    for round_ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", SERVE, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout
            url = server.stdout.readline().strip()
            acknowledged |= asyncio.run(post_until_killed(url, server, chance.randrange(1, 900), round_ * 10**6))
        assert server.returncode == -signal.SIGKILL
        with Store(path) as store:
            kept = [raw for (raw,) in store.rows("SELECT raw FROM receipts")]
        assert len(kept) == len(set(kept))
        assert acknowledged <= set(kept)
        assert len(kept) - len(acknowledged) <= AT_ONCE * (round_ + 1)  # stored, but killed before the answer
    with Store(path) as store:
        assert store.rows("PRAGMA integrity_check") == [("ok",)]
