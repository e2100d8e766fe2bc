"""The receiver's log: lines of text or of JSON, with whatever looks like a phone number masked."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from imilab.numbers import scrub

__all__ = ["JsonLines", "TextLines", "log_to"]

_NAMES = ("imilab.receiver", "uvicorn.error")


class TextLines(logging.Formatter):
    """One readable line a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return scrub(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a record: ``time`` (UTC), ``level``, ``logger``, ``event``, ``message``, and what was counted.

    Examples
    --------
    >>> record = logging.LogRecord("imilab.receiver", logging.INFO, "", 0, "to %s", ("+12025550123",), None)
    >>> record.created, record.event, record.counts = 1772442000.0, "example", {"stored": 3}
    >>> print(JsonLines().format(record))
    {"time": "2026-03-02T09:00:00.000Z", "level": "info", "logger": "imilab.receiver", "event": "example",
     "message": "to +1•••••123", "counts": {"stored": 3}}
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds") + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", "log"),
            "message": scrub(record.getMessage()),
        }
        if isinstance(counts := getattr(record, "counts", None), Mapping):
            line["counts"] = dict(counts)
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def log_to(stream: TextIO, *, as_json: bool) -> None:
    """Send the receiver's log, and its server's, to a stream from now on, and nowhere else."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    for name in _NAMES:
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.INFO if as_json and name == _NAMES[0] else logging.WARNING)
