"""Numbers like those on the allow-list, and unlike them: only those on it may reach the platform.

The lab is a live one: armed, with an allow-list, before a server on loopback that counts what arrives.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import phonenumbers
from phonenumbers import COUNTRY_CODES_FOR_NON_GEO_REGIONS, PhoneMetadata
from pydantic import SecretStr

from imilab.clock import ScaledClock
from imilab.config import Settings
from imilab.errors import ImilabError, InvalidInputError, NotArmedError
from imilab.lab import Lab
from imilab.numbers import canonical_number, is_e164
from imilab.send import Plan
from imilab.serving import BackgroundServer
from imilab.terms import Voice
from tests.faults.fault_rig import number
from tests.faults.sending_job import CALLER, OFFICE_HOURS, TEXT

__all__ = ["call_the_uncallable", "fuzz", "fuzzed_numbers", "uncallable_numbers"]

_LISTED = tuple(number(index) for index in range(0, 4000, 10))
_ALLOWED = frozenset(_LISTED)
_CHUNK = 2000
_SINGLE = 100  # of so many texts, one is called without a plan as well
_NEVER = ("premium_rate", "shared_cost", "toll_free", "personal_number", "pager", "uan", "voicemail")
_SHORT = ("short_code", "emergency", "premium_rate", "standard_rate", "toll_free", "carrier_specific")
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
        allowed = draws.choice(_LISTED)
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
    """Try to have `count` fuzzed numbers called: in plans, some one by one, and all of them past planning.

    Returns
    -------
    left, strangers : int
        Calls that reached the platform, and those of them to numbers off the allow-list.
    """
    with _live_lab(_LISTED) as (lab, platform):
        everyone = list(fuzzed_numbers(count, seed))
        for place in range(0, count, _CHUNK):
            lab.go_live(calls=1_000_000)
            _try_chunk(lab, everyone[place : place + _CHUNK], place)
        _send(lab, _plan(lab, _LISTED, "allowed"))
        strangers = sum(calls for msisdn, calls in platform.called.items() if msisdn not in _ALLOWED)
        return platform.called.total(), strangers


def call_the_uncallable(share: float = 1.0) -> tuple[int, int]:
    """Try to have every premium, shared-cost, short, emergency and worldwide example number called, though allowed.

    Parameters
    ----------
    share : float
        Of the numbers.

    Returns
    -------
    tried, left : int
        How many numbers, and calls that reached the platform.
    """
    numbers = uncallable_numbers()
    numbers = random.Random(1).sample(numbers, round(share * len(numbers)))
    with _live_lab(numbers, countries=sorted(phonenumbers.SUPPORTED_REGIONS)) as (lab, platform):
        plan = _plan(lab, numbers, "uncallable")
        if plan.calls:
            raise AssertionError(f"{len(plan.calls)} numbers were planned that are never to be called")
        _send(lab, plan)
        for number_ in numbers[:: max(1, len(numbers) // 30)]:
            _call(lab, number_)
        return len(numbers), platform.called.total()


def uncallable_numbers() -> list[str]:
    """Return every example that phonenumbers' metadata give of what must never ring, in E.164's shape."""
    regions = [PhoneMetadata.metadata_for_region(region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]
    worldwide = [PhoneMetadata.metadata_for_nongeo_region(code) for code in COUNTRY_CODES_FOR_NON_GEO_REGIONS]
    short = [
        (phonenumbers.country_code_for_region(region), PhoneMetadata.short_metadata_for_region(region))
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    ]
    found = (
        *((data.country_code, getattr(data, kind)) for data in regions for kind in _NEVER),
        *((data.country_code, getattr(data, kind)) for data in worldwide for kind in ("mobile", "voip", *_NEVER)),
        *((code, getattr(data, kind)) for code, data in short if data for kind in _SHORT),
    )
    texts = (f"+{code}{one.example_number}" for code, one in found if one and one.example_number)
    return [text for text in dict.fromkeys(texts) if is_e164(text)]


@contextmanager
def _live_lab(allow_list: Sequence[str], **more: Any) -> Iterator[tuple[Lab, _Counter]]:
    """Give an armed lab before a server that counts who would be called; only numbers' own rules are to refuse."""
    platform = _Counter()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await platform.answer(scope, receive, send)

    with tempfile.TemporaryDirectory(prefix="imilab-fuzz-") as folder, BackgroundServer(app) as server:
        settings = Settings(
            base_url=server.url,
            key=SecretStr("fuzz"),
            caller_id=CALLER,
            live=True,
            allow_list=allow_list,
            tenant_zone="UTC",
            calls_per_second=1000.0,
            cap_number_in_flight=100_000,
            cap_number_per_day=100_000,
            store=Path(folder) / "lab.sqlite",
            **more,
        )
        with Lab(settings, clock=ScaledClock(OFFICE_HOURS, 1.0)) as lab:
            lab.go_live(calls=1_000_000)
            yield lab, platform


def _try_chunk(lab: Lab, recipients: Sequence[str], place: int) -> None:
    """Send a plan of all, ask the last guard before a call for each, and call a few one by one."""
    plan = _plan(lab, recipients, f"chunk-{place}")
    _send(lab, plan)
    for recipient in recipients:
        if canonical_number(recipient) not in _ALLOWED and _may_leave(lab, recipient):
            raise AssertionError("the last guard lets a number leave that is not on the allow-list")
    for recipient in recipients[::_SINGLE]:
        _call(lab, recipient)


def _call(lab: Lab, recipient: str) -> None:
    with suppress(NotArmedError, InvalidInputError):
        lab.call(recipient, Voice("en-GB-RyanNeural"), TEXT)


def _may_leave(lab: Lab, recipient: str) -> bool:
    """Ask what the sender asks at the last moment, past all that a plan looks at."""
    try:
        lab.arming.spend(recipient)
    except NotArmedError:
        return False
    lab.arming.give_back()
    return True


def _plan(lab: Lab, recipients: Sequence[str], campaign: str) -> Plan:
    return lab.plan(recipients, {"ryan": Voice("en-GB-RyanNeural")}, TEXT, campaign=campaign)


def _send(lab: Lab, plan: Plan) -> None:
    try:
        lab.send(plan, progress=False)
    except ImilabError as problem:
        if not isinstance(problem, NotArmedError):
            raise
