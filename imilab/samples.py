"""Seeded sample data: what a lab would hold after two weeks of test calls, made offline from the people model.

The calls go the lab's own way: planned, journalled, drawn, told by receipts that come late, twice or never, stored and
folded. Only HTTP is left out, and the database is in memory.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from imilab.errors import InvalidInputError
from imilab.numbers import describe_number
from imilab.send.planning import make_plan
from imilab.send.recipients import read_recipients
from imilab.send.transitions import after_entry
from imilab.simulator import People, PeopleSettings, SimulatorSettings
from imilab.simulator.draws import Draws
from imilab.simulator.people import Fate
from imilab.simulator.placed_call import PlacedCall, call_events
from imilab.simulator.webhooks import plan_deliveries
from imilab.store import PlannedCall, Settlement
from imilab.store.journal import add_plan, claim, settle
from imilab.store.receipts import StoredReceipt, add_receipt
from imilab.store.schema import migrate
from imilab.terms import Voice
from imilab.wire import ResponseEntry, read_receipt

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SAMPLES",
    "SAMPLE_AS_OF",
    "SAMPLE_NUMBER_KEY",
    "SAMPLE_TEXT",
    "SAMPLE_TRUTH",
    "SAMPLE_VOICES",
    "SAMPLE_ZONE",
    "load_sample",
    "webhook_bodies",
]

SAMPLES = ("calls", "receipts", "requests", "recipients")
"""The names that `load_sample` knows."""

SAMPLE_NUMBER_KEY = b"imilab samples: this key is public and hides nothing"
"""Makes `number_key` of the samples."""

SAMPLE_ZONE = ZoneInfo("Europe/London")
"""The people's local time and the tenant's zone."""

SAMPLE_AS_OF = datetime(2026, 3, 31, 19, 30, tzinfo=SAMPLE_ZONE)
"""The moment at which the sample is looked at: the last calls are still under way."""

SAMPLE_TEXT = (
    "Hello, this is Lakeside Clinic. You have an appointment on Thursday at half past ten. Please bring your insurance "
    "card and come ten minutes early. To change the time, call us back. Thank you, and goodbye."
)
SAMPLE_VOICES = MappingProxyType(
    {"ryan": "en-GB-RyanNeural", "sonia": "en-GB-SoniaNeural", "neerja": "en-IN-NeerjaNeural"}
)
"""The arms and their voices."""

SAMPLE_TRUTH = PeopleSettings(
    zone=SAMPLE_ZONE.key,
    voice_effects={"en-GB-RyanNeural": 0.45, "en-GB-SoniaNeural": -0.45, "en-IN-NeerjaNeural": 0.40},
    text_effects={SAMPLE_TEXT: 0.0},
)
"""How the people answer and listen, whatever the seed; `imilab.simulator.People` gives the true rates."""

_CALLER_ID = "+12025550100"
_FIRST_DAY, _DAYS, _HOURS = date(2026, 3, 18), 14, range(8, 20)
_DAYS_AGAIN, _HOURS_AGAIN = range(7, _DAYS), range(12, 20)
_CALL_GAP_MS = 4000
_HORIZON_MS = 30 * 60 * 1000
_AS_OF_MS = round(SAMPLE_AS_OF.timestamp() * 1000)
_TROUBLES: dict[str, Any] = {"loss_share": 0.015, "duplicate_share": 0.02, "reorder_share": 0.02}
_REFUSED, _OTHER, _EXPIRED, _UNKNOWN_CODE, _TRANSFERRED = 0.005, 0.013, 0.016, 0.019, 0.030
# Real area codes; 555 0100 to 0199 is reserved for fiction in each. 646 is left out: the magic numbers are there.
_AREA_CODES = (
    *("202", "206", "212", "213", "215", "267", "303", "305", "312", "313", "314", "330", "404", "414", "415", "501"),
    *("503", "504", "512", "515", "520", "602", "612", "614", "615", "616", "617", "619", "702", "713", "720", "801"),
    *("204", "306", "403", "416", "514", "604", "613", "780", "902", "905"),
)


def load_sample(name: str, *, seed: int = 7) -> pd.DataFrame:
    """Return sample data: about 2,000 calls of 18 to 31 March 2026, in the form in which a lab gives them.

    Parameters
    ----------
    name : {"calls", "receipts", "requests", "recipients"}
        ``calls``, ``receipts`` and ``requests`` have the columns, types and masked numbers of `Lab.calls`,
        `Lab.receipts` and `Lab.requests`. ``recipients`` is what the plans were made from: ``msisdn`` (full numbers,
        reserved for fiction), ``country``, ``area_code``, ``segment``.
    seed : int
        Another seed gives other people and other calls; from 0 to 2**63 - 1.

    Returns
    -------
    DataFrame
        Times are aware, UTC; calls were placed between 08:00 and 20:00 in London, where the clock changed on 29 March.
        The same seed gives the same frame. Nothing is read from disk or sent anywhere.

    Raises
    ------
    InvalidInputError
        There is no such sample, or the seed cannot be used.

    Examples
    --------
    >>> calls = load_sample("calls")
    >>> sorted(calls["arm"].unique())
    ['neerja', 'ryan', 'sonia']
    """
    if name not in SAMPLES:
        raise InvalidInputError("name", f"{name!r} is no sample; there are {', '.join(map(repr, SAMPLES))}")
    if not isinstance(seed, int):
        raise InvalidInputError("seed", f"{type(seed).__name__} is no whole number")
    return _frames(seed)[name].copy()


def webhook_bodies(day: date, *, seed: int = 7) -> tuple[bytes, ...]:
    """Return what the platform posted on a day of London's calendar, as it came: late, doubled and out of order too."""
    arrived = _sample(seed).arrived
    moments = [datetime.fromtimestamp(stored.received_at_ms / 1000, SAMPLE_ZONE) for stored in arrived]
    return tuple(stored.raw for stored, moment in zip(arrived, moments, strict=True) if moment.date() == day)


@lru_cache(maxsize=4)
def _frames(seed: int) -> dict[str, pd.DataFrame]:
    import pandas as pd

    from imilab.frames import calls_frame, receipts_frame, requests_frame

    sample = _sample(seed)
    return {
        "calls": calls_frame(sample, as_of_ms=_AS_OF_MS, horizon_ms=_HORIZON_MS),
        "receipts": receipts_frame(sample),
        "requests": requests_frame(sample),
        "recipients": pd.DataFrame(sample.recipients, columns=list(_Recipient._fields), dtype="str"),
    }


@lru_cache(maxsize=4)
def _sample(seed: int) -> _Sample:
    return _Sample(SimulatorSettings(seed=seed, people=SAMPLE_TRUTH, tenant_zone=SAMPLE_ZONE.key, **_TROUBLES))


class _Recipient(NamedTuple):
    msisdn: str
    country: str | None
    area_code: str
    segment: str


class _Sample:
    """Two campaigns in a store in memory: everybody is called once, then some of those who were not reached again."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._draws = Draws(settings.seed)
        self._people = People(settings, self._draws)
        self._ids = (
            hashlib.sha256(f"{settings.seed}/{count}".encode()).hexdigest()[:32] for count in itertools.count()
        )
        self._store = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        migrate(self._store)
        self._unreached: list[str] = []
        self._deliveries: list[StoredReceipt] = []
        self.recipients: list[_Recipient] = []
        self._store.execute("BEGIN")
        self._run_campaigns()
        self.arrived = sorted(self._deliveries, key=lambda stored: stored.received_at_ms)
        for stored in self.arrived:
            add_receipt(self._store, stored, SAMPLE_NUMBER_KEY)
        self._store.execute("COMMIT")

    def columns(self, query: str) -> dict[str, list[Any]]:
        """Return a query's result column by column, as `imilab.store.Store` does."""
        cursor = self._store.execute(query)
        names = [column[0] for column in cursor.description]
        return {name: list(values) for name, values in zip(names, zip(*cursor.fetchall(), strict=True), strict=True)}

    def _run_campaigns(self) -> None:
        moments = list(self._moments(range(_DAYS), _HOURS, weekday_calls=12, weekend_calls=6))
        self.recipients = self._pick_recipients(len(moments))
        self._send("appointments", [one.msisdn for one in self.recipients], moments)
        again = list(self._moments(_DAYS_AGAIN, _HOURS_AGAIN, weekday_calls=5, weekend_calls=2))
        self._send("appointments-again", self._unreached[: len(again)], again)

    def _pick_recipients(self, count: int) -> list[_Recipient]:
        numbers = [f"+1{area}5550{ending}" for area in _AREA_CODES for ending in range(100, 200)]
        numbers.remove(_CALLER_ID)
        numbers.sort(key=lambda number: self._draws.digest("recipient", number))
        segments = ("new", "regular", "regular")
        return [
            _Recipient(number, describe_number(number).country, number[2:5], segments[self._pick(3, "segment", number)])
            for number in numbers[:count]
        ]

    def _pick(self, choices: int, *words: str) -> int:
        return int(self._draws.uniforms(*words)[0] * choices)

    def _moments(self, days: range, hours: range, *, weekday_calls: int, weekend_calls: int) -> Iterator[int]:
        """Give the times of the calls, in milliseconds UTC: one batch an hour, in it a call every few seconds."""
        for day, hour in itertools.product(days, hours):
            local = datetime.combine(_FIRST_DAY + timedelta(days=day), time(hour), SAMPLE_ZONE)
            calls = weekend_calls if local.weekday() > 4 else weekday_calls
            start_ms = round(local.timestamp() * 1000)
            start_ms += self._pick(58 * 60_000, "batch", str(calls), str(start_ms))
            if (day, hour) == (_DAYS - 1, _HOURS[-1]):
                start_ms = _AS_OF_MS - calls * _CALL_GAP_MS
            for number in range(calls):
                yield start_ms + number * _CALL_GAP_MS + self._pick(1000, "gap", str(start_ms), str(number))

    def _send(self, campaign: str, numbers: Sequence[str], moments: Sequence[int]) -> None:
        plan = make_plan(
            read_recipients(numbers),
            {arm: Voice(voice) for arm, voice in SAMPLE_VOICES.items()},
            SAMPLE_TEXT,
            seed=self._settings.seed,
            design="blocked",
            campaign=campaign,
            key=SAMPLE_NUMBER_KEY,
            new_id=lambda: next(self._ids),
        )
        add_plan(
            self._store,
            plan_id=plan.plan_id,
            campaign=campaign,
            design=plan.design,
            seed=plan.seed,
            document=plan.document(),
            calls=plan.calls,
            caller_id=_CALLER_ID,
            number_key=SAMPLE_NUMBER_KEY,
            now_ms=moments[0] - 60_000,
        )
        for planned, now_ms in zip(plan.calls, moments, strict=True):
            self._call(planned, now_ms)

    def _call(self, planned: PlannedCall, now_ms: int) -> None:
        words = (planned.msisdn, planned.correlation_id)
        message_id = str(uuid.UUID(bytes=self._draws.digest("message", *words)[:16], version=4))
        oddity = self._draws.uniforms("oddity", *words)[0]
        status, code, message = ("Queued", "1001", "Queued")
        if oddity < _REFUSED:
            status, code, message = ("Rejected", "7003", "to.msisdn: this number cannot be called")
        entry = ResponseEntry(message_id=message_id, status=status, code=code, message=message)
        claim(self._store, planned.correlation_id, now_ms)
        settle(self._store, planned.correlation_id, after_entry(entry).settlement or Settlement(state="unknown"))
        if entry.queued:
            fate = self._fate(planned, now_ms, oddity)
            if fate.outcome in ("no_answer", "busy"):
                self._unreached.append(planned.msisdn)
            self._deliver(planned, message_id, now_ms, fate)

    def _fate(self, planned: PlannedCall, now_ms: int, oddity: float) -> Fate:
        limits = ((_REFUSED, None), (_OTHER, "other"), (_EXPIRED, "expired"), (_UNKNOWN_CODE, "unknown"))
        forced = next((outcome for limit, outcome in limits if oddity < limit), None)
        message = self._people.listening.message(planned.voice or "", planned.text)
        fate = self._people.draw(planned.msisdn, planned.correlation_id, now_ms, message, outcome=forced)
        return replace(fate, end="transferred") if fate.end == "released" and oddity < _TRANSFERRED else fate

    def _deliver(self, planned: PlannedCall, message_id: str, now_ms: int, fate: Fate) -> None:
        call = PlacedCall(
            message_id=message_id,
            correlation_id=planned.correlation_id,
            msisdn=planned.msisdn,
            caller_id=_CALLER_ID,
            content={},
            priority=None,
            callback_data="",
            notify_url="",
            requested_receipts=(),
            requested_at_ms=now_ms,
            start_ms=now_ms,
            fate=fate,
            events=call_events(now_ms, fate),
        )
        for number, delivery in enumerate(plan_deliveries(call, self._draws, self._settings)):
            received_ms = delivery.due_ms + 40 + self._pick(300, "latency", message_id, str(number))
            if received_ms <= _AS_OF_MS:
                raw = call.receipt(delivery.event, SAMPLE_ZONE, "offset").to_bytes()
                receipt = read_receipt(raw, SAMPLE_ZONE)
                self._deliveries.append(
                    StoredReceipt(receipt=receipt, raw=raw, source="webhook", received_at_ms=received_ms)
                )
