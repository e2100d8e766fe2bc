"""What goes over the wire, as pure functions over plain values: no I/O, no clock, no settings.

Requests, responses, receipts and status answers become frozen objects and back again. Unknown fields, codes and
statuses survive; what the platform said stays beside what imilab makes of it.
"""

from __future__ import annotations

from imilab.wire.receipt import Receipt, read_receipt
from imilab.wire.request import MAX_TEXT_UNITS, MakeCall, MakeCallBody, Recipient, read_make_call, text_units
from imilab.wire.response import ResponseEntry, read_error, read_response
from imilab.wire.signature import sign, verify_signature
from imilab.wire.status import CallStatus, read_status
from imilab.wire.timestamps import format_timestamp, parse_send_at, parse_timestamp

__all__ = [
    "MAX_TEXT_UNITS",
    "CallStatus",
    "MakeCall",
    "MakeCallBody",
    "Receipt",
    "Recipient",
    "ResponseEntry",
    "format_timestamp",
    "parse_send_at",
    "parse_timestamp",
    "read_error",
    "read_make_call",
    "read_receipt",
    "read_response",
    "read_status",
    "sign",
    "text_units",
    "verify_signature",
]
