"""The sender of `bench_pace.py`, in a process of its own: imilab, or a plain loop over httpx.AsyncClient.

Arguments: ``imilab`` or ``httpx``, base URL, calls per second, seconds. Prints what it measured as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import phonenumbers
from pydantic import SecretStr

import imilab
from imilab.config import Settings
from imilab.simulator import SIMULATOR_KEY

__all__ = ["main"]

_TEXT = "Time for lunch"
_CALLER = "+12025550100"


def main(kind: str, base_url: str, rate: int, seconds: int) -> None:
    """Send `rate * seconds` calls and tell when each left, and the processor time they took."""
    numbers = _numbers(rate * seconds)
    if kind == "httpx":
        measured = _measure(lambda: asyncio.run(_plain_loop(base_url, numbers, rate)))
    else:
        measured = _with_imilab(base_url, numbers, rate)
    print(json.dumps(measured))


def _numbers(count: int) -> list[str]:
    """Give numbers reserved for fiction, in the area codes that exist."""
    fictitious = ((code, phonenumbers.parse(f"+1{code}5550100")) for code in range(201, 1000))
    codes = [code for code, one in fictitious if phonenumbers.region_code_for_number(one) == "US"]
    return [f"+1{codes[index // 100]}5550{100 + index % 100}" for index in range(count)]


def _measure(work: Callable[[], object]) -> dict[str, Any]:
    """Run `work` and note when the first bytes of each POST go to the network."""
    left: list[int] = []
    real = socket.socket.send

    def send(self: socket.socket, data: Any, *flags: int) -> int:
        if bytes(data[:5]) == b"POST ":
            left.append(time.monotonic_ns())
        return real(self, data, *flags)

    # The moment of a first byte is known nowhere else, so this one process has its socket watched.
    socket.socket.send = send  # type: ignore[method-assign, assignment]  # see above
    before, started = _cpu_seconds(), time.monotonic()
    said = work()
    seconds = time.monotonic() - started
    return {"left": left, "cpu_seconds": _cpu_seconds() - before, "seconds": seconds, "said": str(said)}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _with_imilab(base_url: str, numbers: list[str], rate: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="imilab-pace-") as folder:
        settings = Settings(
            base_url=base_url,
            key=SecretStr(SIMULATOR_KEY),
            caller_id=_CALLER,
            tenant_zone="UTC",
            calls_per_second=rate,
            store=Path(folder) / "lab.sqlite",
        )
        with imilab.Lab(settings) as lab:
            lab._equip(settings, simulated=True)  # the platform is on loopback: no phone rings
            plan = lab.plan(numbers, {"ryan": imilab.Voice("en-GB-RyanNeural")}, _TEXT, seed=1, campaign="pace")
            return _measure(lambda: lab.send(plan, progress=False))


async def _plain_loop(base_url: str, numbers: list[str], rate: int) -> str:
    """Do what one writes in five minutes: a task a call, a pause between two. Nothing is kept of it."""
    content = {
        "type": "TTS",
        "ttsProcessor": "Azure",
        "language": "en-GB",
        "voice": "RyanNeural",
        "region": "United Kingdom",
        "text": _TEXT,
        "voiceType": "neural",
        "gender": "Male",
    }
    async with httpx.AsyncClient(base_url=base_url, headers={"key": SIMULATOR_KEY}, timeout=30) as client:

        async def call(place: int, msisdn: str) -> int:
            body = {
                "channel": "voice",
                "from": _CALLER,
                "to": [{"msisdn": [msisdn], "correlationId": f"{place:032x}"}],
                "content": content,
            }
            try:
                return (await client.post("/v2/messages", json=body)).status_code
            except httpx.HTTPError:
                return 0

        tasks = []
        for place, msisdn in enumerate(numbers):
            tasks.append(asyncio.create_task(call(place, msisdn)))
            await asyncio.sleep(1 / rate)
        answers = await asyncio.gather(*tasks)
    return f"{sum(answer == 200 for answer in answers)} of {len(answers)} accepted"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
