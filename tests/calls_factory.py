"""Synthetic calls in the exact schema of the calls table: seeded at random, or row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["CALL_DTYPES", "answered_of", "frame_from", "make_calls"]

_TEXTS = ("call_id", "correlation_id", "message_id", "campaign", "arm", "msisdn", "number_key", "country", "caller_id")
_CONTENT = ("content_type", "media_id", "language", "voice", "voice_type", "gender", "region")
_TIMES = ("requested_at", "offered_at", "accepted_at", "answered_at", "ended_at")

CALL_DTYPES: Mapping[str, str] = {
    **dict.fromkeys(_TEXTS + _CONTENT, "str"),
    **dict.fromkeys(_TIMES, "datetime64[ms, UTC]"),
    **dict.fromkeys(("outcome", "error_code", "error_reason", "end_reason", "plan_id", "design"), "str"),
    **dict.fromkeys(("block", "position"), "Int64"),
    **dict.fromkeys(("stratum", "number_type"), "str"),
    **dict.fromkeys(("ring_seconds", "talk_seconds"), "float64"),
    **dict.fromkeys(("answer_inferred", "transferred"), "bool"),
    **dict.fromkeys(("receipts", "unknown_receipts"), "int64"),
}
"""Every column of the calls table with its dtype, in order."""

_FAILURES = {
    "busy": ("7402", "customer busy"),
    "no_answer": ("7401", "no answer"),
    "rejected": ("7406", "call rejected"),
    "dropped": ("7409", "dropped"),
    "expired": ("7208", "message expired"),
    "other": ("7404", "others"),
    "not_placed": ("7020", "maximum transaction limit reached"),
}
_FAILURE_SHARES = {"no_answer": 0.5, "busy": 0.25, "rejected": 0.12, "other": 0.06, "dropped": 0.03, "expired": 0.04}


def frame_from(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a calls table from partial rows; what a row does not name is missing (flags False, counts 0).

    Times are given as anything that `pandas.to_datetime` reads with a zone.
    """
    listed = list(rows)
    columns = {}
    for name, dtype in CALL_DTYPES.items():
        default: Any = False if dtype == "bool" else 0 if dtype == "int64" else None
        values = [row.get(name, default) for row in listed]
        if name in _TIMES:
            values = [pd.NaT if value is None else pd.Timestamp(value) for value in values]
            columns[name] = pd.Series(pd.to_datetime(pd.Series(values, dtype="object"), utc=True)).astype(dtype)
        else:
            columns[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


def answered_of(arms: Mapping[str, tuple[int, int]], **more: Any) -> pd.DataFrame:
    """Make calls of arms with so many answered and completed of so many resolved, each to a number of its own."""
    rows = []
    for arm, (successes, n) in arms.items():
        for index in range(n):
            success = {"outcome": "answered", "end_reason": "released"}
            rows.append({"arm": arm, "voice": arm, **(success if index < successes else {"outcome": "busy"}), **more})
    numbers = [f"number-{index}" for index in range(len(rows))]
    return frame_from(rows).assign(number_key=pd.Series(numbers, dtype="str"))


def make_calls(
    n: int = 200,
    *,
    seed: int = 0,
    voices: Sequence[str] = ("en-GB-RyanNeural", "en-GB-SoniaNeural"),
    arms: Mapping[str, str] | None = None,
    answer_rates: Mapping[str, float] | float = 0.6,
    completed_rates: Mapping[str, float] | float = 0.6,
    pending: float = 0.02,
    lost: float = 0.01,
    not_placed: float = 0.01,
    end_unknown: float = 0.03,
    inferred: float = 0.02,
    repeated: float = 0.0,
    start: str = "2026-10-19T00:00Z",
    days: float = 14.0,
) -> pd.DataFrame:
    """Make `n` seeded calls, in order of time.

    Parameters
    ----------
    n, seed : int
        How many, and the seed: the same arguments give the same frame.
    voices : sequence of str
        Full Azure names, dealt at random; each is its own arm unless `arms` gives arm by voice.
    answer_rates, completed_rates : float or mapping of voice to float
        The chance that a placed and resolved call is answered, and that an answered call is heard to the end.
    pending, lost, not_placed : float
        Shares of all calls with these outcomes.
    end_unknown, inferred : float
        Shares of answered calls whose end is not known, and whose answer is inferred from a hang-up.
    repeated : float
        Share of calls that go to a number that an earlier row also went to.
    start, days
        When the first call was requested, with zone, and over how many days the calls spread.
    """
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp(start).value // 1_000_000 + np.sort(rng.random(n)) * days * 86_400_000
    rows: list[dict[str, Any]] = []
    for index, requested_ms in enumerate(moments.astype("int64")):
        voice = voices[int(rng.integers(len(voices)))]
        number = int(rng.integers(index)) if index and rng.random() < repeated else index
        row = {**_request(index, voice, number, int(requested_ms)), "arm": arms[voice] if arms else voice}
        fate = rng.random()
        if fate < not_placed:
            row |= _failed("not_placed", requested_ms, 0.0)
        elif fate < not_placed + pending + lost:
            row |= {"outcome": "pending" if fate < not_placed + pending else "lost", "receipts": 0}
        elif rng.random() < _of(answer_rates, voice):
            row |= _answered(rng, int(requested_ms), _of(completed_rates, voice), end_unknown, inferred)
        else:
            outcome = str(rng.choice([*_FAILURE_SHARES], p=[*_FAILURE_SHARES.values()]))
            row |= _failed(outcome, requested_ms, 5 + 25 * rng.random())
        rows.append(row)
    return frame_from(rows)


def _of(rates: Mapping[str, float] | float, voice: str) -> float:
    return rates[voice] if isinstance(rates, Mapping) else rates


def _moment(ms: float) -> pd.Timestamp:
    return pd.Timestamp(int(ms), unit="ms", tz="UTC")


def _request(index: int, voice: str, number: int, requested_ms: int) -> dict[str, Any]:
    country = ("GB", "US", "IN")[number % 3]
    language, _, short_name = voice.rpartition("-")
    return {
        "call_id": f"message-{index:06d}",
        "correlation_id": f"{index:032x}",
        "message_id": f"message-{index:06d}",
        "campaign": "lunch",
        "msisdn": f"+1•••••{100 + number % 100}",
        "number_key": hashlib.sha256(str(number).encode()).hexdigest(),
        "country": country,
        "caller_id": "+1•••••100",
        "content_type": "TTS",
        "language": language,
        "voice": voice,
        "voice_type": "neural",
        "gender": "Female" if short_name.startswith(("Sonia", "Libby", "Aria", "Neerja")) else "Male",
        "region": f"English ({country})",
        "requested_at": _moment(requested_ms),
        "plan_id": "plan",
        "design": "complete",
        "block": index // 10,
        "position": index,
        "stratum": country,
        "number_type": "mobile",
    }


def _failed(outcome: str, requested_ms: int, ring_seconds: float) -> dict[str, Any]:
    code, reason = _FAILURES[outcome]
    failed: dict[str, Any] = {"outcome": outcome, "error_code": code, "error_reason": reason}
    if outcome == "not_placed":
        return failed
    ended_ms = requested_ms + 500 + round(ring_seconds * 1000)
    times = {"offered_at": requested_ms + 300, "accepted_at": requested_ms + 500, "ended_at": ended_ms}
    ring = round(ring_seconds * 1000) / 1000
    return failed | {name: _moment(ms) for name, ms in times.items()} | {"ring_seconds": ring, "receipts": 3}


def _answered(
    rng: np.random.Generator, requested_ms: int, completed: float, end_unknown: float, inferred: float
) -> dict[str, Any]:
    ring_ms, talk_ms = round(3000 + 20_000 * rng.random()), round(rng.exponential(9000))
    answered_ms = requested_ms + 500 + ring_ms
    answered: dict[str, Any] = {
        "outcome": "answered",
        "offered_at": _moment(requested_ms + 300),
        "accepted_at": _moment(requested_ms + 500),
        "answered_at": _moment(answered_ms),
        "ring_seconds": ring_ms / 1000,
        "receipts": 3,
    }
    if rng.random() < end_unknown:
        return answered
    answered |= {"ended_at": _moment(answered_ms + talk_ms), "talk_seconds": talk_ms / 1000, "receipts": 4}
    if rng.random() < inferred:
        unknown = {"answered_at": None, "talk_seconds": None, "ring_seconds": None}
        return answered | unknown | {"answer_inferred": True, "end_reason": "disconnected"}
    heard = rng.random()
    return answered | {"end_reason": "released" if heard < completed else "dropped" if heard > 0.98 else "disconnected"}
