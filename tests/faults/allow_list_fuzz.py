"""Numbers like those on the allow-list, and unlike them: only those on it may reach the platform.

The lab is a live one: armed, with an allow-list, before a server on loopback that counts what arrives.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from imilab.clock import ScaledClock
from imilab.config import Settings
from imilab.errors import ImilabError, InvalidInputError, NotArmedError
from imilab.lab import Lab
from imilab.send import Plan
from imilab.serving import BackgroundServer
from imilab.terms import Voice
from tests.faults.fault_rig import number
from tests.faults.sending_job import CALLER, OFFICE_HOURS, TEXT

__all__ = ["fuzz", "fuzzed_numbers"]

_ALLOWED = tuple(number(index) for index in range(0, 4000, 10))
_CHUNK = 500
_SINGLE = 50  # of so many texts, one is called without a plan as well
_SPELLINGS = ("{}", " {}", "{}\n", "{}\u200b", "tel:{}", "{};ext=1", "{},{}", "00{}", "+{}", "{}\x00", "{}#", "*{}")


class _Counter:
    """A platform that queues everything, and counts who would be called."""

    def __init__(self) -> None:
        self.called: Counter[str] = Counter()

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked = orjson.loads(body)["to"]
        self.called.update(msisdn for one in asked for msisdn in one["msisdn"])
        entry = {"messageId": f"m{self.called.total()}", "status": "Queued", "code": "", "message": ""}
        entries = [{**entry, "correlationId": one["correlationId"], "requestTimestamp": ""} for one in asked]
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps({"response": entries})})


def fuzzed_numbers(count: int, seed: int) -> Iterator[str]:
    """Give texts that are close to an allowed number, that number itself now and then, and numbers of chance."""
    draws = random.Random(seed)
    for _ in range(count):
        allowed = draws.choice(_ALLOWED)
        kind = draws.randrange(5)
        if kind == 0:  # another digit
            place = draws.randrange(1, len(allowed))
            yield allowed[:place] + draws.choice("0123456789") + allowed[place + 1 :]
        elif kind == 1:  # a digit more or less
            place = draws.randrange(1, len(allowed))
            yield allowed[:place] + draws.choice(["", allowed[place] * 2]) + allowed[place + 1 :]
        elif kind == 2:
            yield draws.choice(_SPELLINGS).format(allowed, allowed)
        elif kind == 3:  # other scripts' digits look and count like ours
            yield allowed.translate({ord("0") + digit: draws.choice((0x660, 0xFF10)) + digit for digit in range(10)})
        else:
            yield "+" + "".join(draws.choices("0123456789", k=draws.randrange(6, 16)))


def fuzz(count: int, *, seed: int) -> tuple[int, int]:
    """Try to have `count` fuzzed numbers called, in plans and one by one.

    Returns
    -------
    left, strangers : int
        Calls that reached the platform, and those of them to numbers off the allow-list.
    """
    platform = _Counter()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await platform.answer(scope, receive, send)

    with tempfile.TemporaryDirectory(prefix="imilab-fuzz-") as folder, BackgroundServer(app) as server:
        settings = Settings(
            base_url=server.url,
            key=SecretStr("fuzz"),
            caller_id=CALLER,
            live=True,
            allow_list=_ALLOWED,
            tenant_zone="UTC",
            calls_per_second=1000.0,
            cap_number_in_flight=100_000,  # the allow-list alone is to refuse
            cap_number_per_day=100_000,
            store=Path(folder) / "lab.sqlite",
        )
        with Lab(settings, clock=ScaledClock(OFFICE_HOURS, 1.0)) as lab:
            lab.go_live(calls=1_000_000)
            everyone = list(fuzzed_numbers(count, seed))
            for place in range(0, count, _CHUNK):
                _try_chunk(lab, everyone[place : place + _CHUNK], place)
            _send(lab, _plan(lab, _ALLOWED, "allowed"))
    strangers = sum(calls for msisdn, calls in platform.called.items() if msisdn not in _ALLOWED)
    return platform.called.total(), strangers


def _try_chunk(lab: Lab, recipients: Sequence[str], place: int) -> None:
    """Send a plan of all, and call a few one by one."""
    _send(lab, _plan(lab, recipients, f"chunk-{place}"))
    for recipient in recipients[::_SINGLE]:
        try:
            lab.call(recipient, Voice("en-GB-RyanNeural"), TEXT)
        except (NotArmedError, InvalidInputError):
            continue


def _plan(lab: Lab, recipients: Sequence[str], campaign: str) -> Plan:
    return lab.plan(recipients, {"ryan": Voice("en-GB-RyanNeural")}, TEXT, campaign=campaign)


def _send(lab: Lab, plan: Plan) -> None:
    try:
        lab.send(plan, progress=False)
    except ImilabError as problem:
        if not isinstance(problem, NotArmedError):
            raise
