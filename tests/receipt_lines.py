"""Receipts of the platform as JSON lines, for tests."""

from __future__ import annotations

import json

__all__ = ["line"]


def line(time: str | None = "2026-03-02T09:00:00.596Z", **note: object) -> str:
    """Return a receipt; what is given goes where the platform has it."""
    info = {
        "timeStamp": time,
        "Description": "d",
        "code": "7407",
        "destination": "+12025550123",
        "deliveryStatus": "OFFERED",
    }
    info |= {name: note.pop(name) for name in list(note) if name in info}
    note = {"transid": "m1", "correlationid": "c1", "subtid": "", **note}
    return json.dumps({"deliveryTransInfo": "...", "deliveryInfoNotification": {"deliveryInfo": info, **note}})
