"""Magic numbers: each forces one outcome, one oddity of delivery or one error of the API. docs/simulator.md lists them.

They lie in +1 646 555 01xx, which is reserved for fiction: nobody can be called there by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from imilab.wire.response import RATE_LIMIT_CODE

__all__ = ["MAGIC", "UNKNOWN_CODE", "Magic", "Reply"]

UNKNOWN_CODE = "7999"
"""A code that no page documents."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How the platform answers the Make Call request instead of taking it.

    Attributes
    ----------
    kind : {"error", "unreadable", "closed", "slow", "rejected_entry"}
        An HTTP error; a body cut short; no answer at all; a late one; an entry that is Rejected.
    http_status : int
        Of an error.
    code, message : str
        Of an error or a rejected entry.
    placed : bool
        Whether the call is placed all the same.
    once : bool
        Whether only the first of two equal requests is answered so.
    """

    kind: Literal["error", "unreadable", "closed", "slow", "rejected_entry"] = "error"
    http_status: int = 200
    code: str = ""
    message: str = ""
    placed: bool = False
    once: bool = False


@dataclass(frozen=True, kw_only=True)
class Magic:
    """What one magic number does.

    Attributes
    ----------
    does : str
        In words, for the documentation.
    outcome : str
        The forced outcome, see `Fate.outcome`.
    end : str
        Of an answered call, see `Fate.end`.
    receipts : {"normal", "no_answered", "none", "twice", "reversed", "late"}
        How receipts are delivered.
    reply : Reply or None
        How the request is answered, where not as usual.
    """

    does: str
    outcome: str = "answered"
    end: str = "released"
    receipts: Literal["normal", "no_answered", "none", "twice", "reversed", "late"] = "normal"
    reply: Reply | None = None


def _error(http_status: int, message: str, *, code: str = "", placed: bool = False, once: bool = False) -> Reply:
    return Reply(http_status=http_status, code=code, message=message, placed=placed, once=once)


_LIMIT = "maximum transaction limit reached"
_TABLE = {
    "01": Magic(does="nobody answers (REJECTED, 7401)", outcome="no_answer"),
    "02": Magic(does="busy (REJECTED, 7402)", outcome="busy"),
    "04": Magic(does="fails for another reason (REJECTED, 7404)", outcome="other"),
    "06": Magic(does="declined (REJECTED, 7406)", outcome="rejected"),
    "08": Magic(does="expires without being offered (MESSAGE EXPIRED, 7208)", outcome="expired"),
    "09": Magic(does="an internal error ends it (DROPPED, 7409)", outcome="dropped"),
    "10": Magic(does="answered; the person hangs up within one second", end="disconnected"),
    "11": Magic(does="answered, hears all, talks to an agent (7411, 7412), then released", end="transferred"),
    "19": Magic(does="answered, hears all, released"),
    "20": Magic(
        does="answered; hangs up; the answered receipt never comes", end="disconnected", receipts="no_answered"
    ),
    "21": Magic(does=f"REJECTED with a code that is not documented ({UNKNOWN_CODE})", outcome="unknown"),
    "22": Magic(does="answered, hears all; no receipt ever comes", receipts="none"),
    "23": Magic(does="answered, hears all; each receipt comes twice", receipts="twice"),
    "24": Magic(does="answered, hears all; receipts come in reverse order", receipts="reversed"),
    "25": Magic(does="answered, hears all; receipts come late (late_seconds)", receipts="late"),
    "40": Magic(does="HTTP 400; not placed", reply=_error(400, "to.msisdn: this number cannot be called", code="7003")),
    "41": Magic(does="HTTP 401; not placed", reply=_error(401, "Account over quota", code="7001")),
    "42": Magic(
        does="HTTP 429 at first, taken when the same request comes again",
        reply=_error(429, _LIMIT, code=RATE_LIMIT_CODE, once=True),
    ),
    "43": Magic(does="HTTP 429 every time; not placed", reply=_error(429, _LIMIT, code=RATE_LIMIT_CODE)),
    "44": Magic(does="HTTP 404; not placed", reply=_error(404, "No such resource")),
    "45": Magic(does="HTTP 405; not placed", reply=_error(405, "Method not allowed")),
    "49": Magic(does="HTTP 409; not placed", reply=_error(409, "Conflicts with an earlier request")),
    "50": Magic(does="HTTP 500, although the call is placed", reply=_error(500, "Internal server error", placed=True)),
    "51": Magic(does="HTTP 500; not placed", reply=_error(500, "Internal server error")),
    "53": Magic(does="HTTP 503; not placed", reply=_error(503, "Service unavailable")),
    "60": Magic(does="HTTP 200 with code 7020; not placed", reply=_error(200, _LIMIT, code=RATE_LIMIT_CODE)),
    "61": Magic(
        does="HTTP 200 with a body cut short, although the call is placed", reply=Reply(kind="unreadable", placed=True)
    ),
    "62": Magic(
        does="the connection is closed without an answer, although the call is placed",
        reply=Reply(kind="closed", placed=True),
    ),
    "63": Magic(
        does="HTTP 201 whose entry is Rejected; not placed",
        reply=Reply(kind="rejected_entry", code="7003", message="to.msisdn: this number cannot be called"),
    ),
    "64": Magic(
        does="the answer takes slow_answer_seconds of real time, although the call is placed at once",
        reply=Reply(kind="slow", placed=True),
    ),
}

MAGIC: Mapping[str, Magic] = MappingProxyType({f"+164655501{ending}": magic for ending, magic in _TABLE.items()})
"""What each magic number does, by its E.164 form."""
