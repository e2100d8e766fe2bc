"""Mappings: which column of a log is which field, and whether a row is a call or an event; saved as named profiles."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from imilab.config import Settings
from imilab.errors import InvalidInputError
from imilab.logs.columns import CALL_FIELDS, EVENT_FIELDS, FIELDS, listed, propose
from imilab.logs.dialect import ENCODINGS
from imilab.numbers import scrub

__all__ = ["PROFILES", "Mapping"]

PROFILES = "imilab-profiles"
"""The folder of named profiles, beside ``imilab.toml`` or beside the store."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")
_CALL_TIMES = ("offered_at", "accepted_at", "answered_at", "ended_at")


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """How the columns of a log are read.

    Parameters
    ----------
    kind : {"event", "call"}
        Whether a row is one event of a call, with a time of its own, or a whole call with the times of its events.
    columns : mapping of str to str
        Field to the column's name. Fields of both kinds: ``message_id, correlation_id, status, code, description,
        msisdn, callback_data``; of events ``event_at``; of calls ``requested_at, offered_at, accepted_at, answered_at,
        ended_at`` and ``campaign, arm, caller_id, content_type, media_id, language, voice, voice_type, gender, region,
        text``. Without any the columns are proposed, see `proposed`.
    time_format : str
        ``iso`` for ``2026-03-02 09:00:00`` and ISO 8601 with or without offset and fractions; ``epoch_s``,
        ``epoch_ms`` for numbers since 1970; else the format of `time.strptime`, such as ``%d/%m/%Y %H:%M:%S``,
        but without ``%Z``: letters such as IST stand there as they are, and `tz` says what they mean.
    tz : str, optional
        The IANA zone of times without one; an argument ``tz=`` goes before it, the tenant's zone comes after.
    encoding, delimiter, quote : str, optional
        Where what is detected is wrong; for text without quotes, a quote that never occurs.
    header : bool, optional
        Whether the first line names the columns, where what is detected is wrong.

    Raises
    ------
    InvalidInputError
        An unknown kind, field or encoding, a format that cannot be read.

    Examples
    --------
    >>> mapping = Mapping(columns={"message_id": "Ref", "status": "What", "event_at": "When"})
    >>> mapping.with_columns(code="Why").columns["code"]
    'Why'
    """

    columns: AnyMapping[str, str] = field(default_factory=dict)
    kind: Literal["event", "call"] = "event"
    time_format: str = "iso"
    tz: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        if self.kind not in ("event", "call"):
            raise InvalidInputError("kind", f"{self.kind!r}; a row is a 'call' or an 'event'")
        known = CALL_FIELDS if self.kind == "call" else EVENT_FIELDS
        strange = [name for name in self.columns if name not in known]
        if strange:
            raise InvalidInputError(
                "columns", f"{strange[0]!r} is no field of a row that is a {self.kind}: {', '.join(known)}"
            )
        if self.encoding is not None and self.encoding not in ENCODINGS:
            raise InvalidInputError("encoding", f"{self.encoding!r}; one of {', '.join(ENCODINGS)}")
        for name, sign in (("delimiter", self.delimiter), ("quote", self.quote)):
            if sign is not None and (len(sign.encode()) != 1 or sign in "\r\n"):
                raise InvalidInputError(name, "one ASCII character, please")
        if self.time_format not in ("iso", "epoch_s", "epoch_ms") and "%" not in self.time_format:
            raise InvalidInputError(
                "time_format", "'iso', 'epoch_s', 'epoch_ms' or a format such as '%d/%m/%Y %H:%M:%S'"
            )
        if "%" in self.time_format:
            _check_format(self.time_format)

    def __repr__(self) -> str:
        return scrub(f"Mapping({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})")

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_dict, (self.to_dict(),)

    def check(self) -> None:
        """Make sure that a row can be told from this.

        Raises
        ------
        InvalidInputError
            No column names the call, or none says what happened or when.
        """
        if not {"message_id", "correlation_id"} & set(self.columns):
            raise InvalidInputError("mapping", _missing("the call's id", "message_id", self))
        if not {"status", "code"} & set(self.columns):
            raise InvalidInputError("mapping", _missing("what happened", "status", self))
        if self.kind == "event" and "event_at" not in self.columns:
            raise InvalidInputError("mapping", _missing("the event's time", "event_at", self))

    def with_columns(self, **columns: str | None) -> Mapping:
        """Return a mapping in which these fields have other columns; None for none."""
        merged = {**self.columns, **columns}
        return replace(self, columns={name: column for name, column in merged.items() if column is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**values, "columns": dict(self.columns)}

    @classmethod
    def proposed(cls, names: Iterable[str], like: Mapping | None = None) -> Mapping:
        """Return the mapping that columns' names suggest; a row with two times of a call is a call.

        Parameters
        ----------
        names : iterable of str
        like : Mapping, optional
            Says all but the columns; that a row is a call where its `kind` is one.
        """
        names = tuple(names)
        like = like or cls()
        found = propose(names)
        times = [name for name in _CALL_TIMES if name in found]
        is_call = len(times) + ("requested_at" in found) >= 2 or (bool(times) and "event_at" not in found)
        is_call = is_call or like.kind == "call"
        if not is_call and "event_at" not in found and "requested_at" in found:
            found["event_at"] = found["requested_at"]
        kept = CALL_FIELDS if is_call else EVENT_FIELDS
        times_of = [found[name] for name in kept if name.endswith("_at") and name in found]
        in_ms = bool(times_of) and all(name.casefold().endswith("_ms") for name in times_of)
        return replace(
            like,
            kind="call" if is_call else "event",
            columns={name: found[name] for name in kept if name in found},
            time_format="epoch_ms" if in_ms and like.time_format == "iso" else like.time_format,
        )

    def save(self, name: str, folder: str | os.PathLike[str] = ".") -> Path:
        """Save it as a named profile, ``imilab-profiles/<name>.json`` in the folder; return the file."""
        path = _profile(name, Path(folder))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, name: str, *folders: str | os.PathLike[str]) -> Mapping:
        """Load a named profile from the first folder that has it; by default this one, then the store's.

        Raises
        ------
        InvalidInputError
            There is none of this name, or it is no profile.
        """
        places = [_profile(name, Path(folder)) for folder in folders or (".", Settings().store.parent)]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            there = sorted({one.stem for place in places for one in place.parent.glob("*.json")})
            raise InvalidInputError(
                "mapping",
                f"there is no profile {name!r}; there are {', '.join(there) or 'none'}: save one with .save()",
            )
        try:
            return _from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as problem:
            reason = problem if isinstance(problem, InvalidInputError) else type(problem).__name__
            raise InvalidInputError("mapping", f"{path} is no profile: {reason}") from None

    def __str__(self) -> str:
        width = max((len(name) for name in self.columns), default=0)
        lines = [f"  {name:<{width}}  <- {listed([column])}" for name, column in self.columns.items()]
        return "\n".join(
            [f"a row is {'a call' if self.kind == 'call' else 'an event'}, times are {self.time_format}", *lines]
        )


def _from_dict(values: AnyMapping[str, Any]) -> Mapping:
    return Mapping(**values)


def _check_format(time_format: str) -> None:
    """Make sure that the engine reads a format, and that it leaves no zone to be guessed."""
    import duckdb

    if "%Z" in time_format.replace("%%", ""):
        raise InvalidInputError(
            "time_format",
            "%Z is not read: IST and the like name several zones. Write the letters as they are, such as"
            " '%Y-%m-%d %H:%M:%S IST', and give tz=; or %z where there is an offset such as +0530",
        )
    try:
        with duckdb.connect() as engine:
            engine.execute("SELECT try_strptime('', ?)", [time_format])
    except duckdb.Error:
        raise InvalidInputError(
            "time_format", f"{time_format!r} is no format; write it as for time.strptime, such as '%d/%m/%Y %H:%M:%S'"
        ) from None


def _profile(name: str, folder: Path) -> Path:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "mapping", "a profile's name has letters, digits, spaces and _.- and at most 64 of them"
        )
    return folder / PROFILES / f"{name}.json"


def _missing(what: str, name: str, mapping: Mapping) -> str:
    examples = ", ".join(FIELDS[name].split(", ")[:4])
    there = listed(f"{field} <- {column!r}" for field, column in mapping.columns.items()) or "nothing"
    return (
        f"no column tells {what} (such as {examples}); recognised: {there}. Give mapping=imilab.Mapping(columns="
        f"{{{name!r}: 'its column', ...}}); imilab.inspect_logs(path) shows the columns"
    )
