"""The rules of the state machine: what an answer, or none, means for a call and for its campaign. Pure."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from imilab.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    NotSentError,
    PlatformError,
    RateLimitedError,
    UnauthorisedError,
)
from imilab.store import Settlement
from imilab.wire import ResponseEntry

__all__ = ["MAX_TRIES", "Breaker", "Tries", "Verdict", "after_entry", "after_error"]

MAX_TRIES = 3
"""How often a call that was proven not to have left may be tried; and how often any, while none gets through."""

_UNKNOWN_IN_A_ROW = 3
_UNKNOWN_OF_RECENT = 5
_RECENT = 50
_REFUSED_IN_A_ROW = 10


@dataclass(frozen=True)
class Verdict:
    """What follows from one attempt.

    Attributes
    ----------
    settlement : Settlement or None
        What is recorded; None puts the call back to planned.
    pause_seconds : float
        How long the whole campaign waits.
    stop : str or None
        Why the whole campaign stops.
    limited : bool
        Whether the platform's rate limit refused it.
    """

    settlement: Settlement | None
    pause_seconds: float = 0.0
    stop: str | None = None
    limited: bool = False


def after_entry(entry: ResponseEntry) -> Verdict:
    """Judge a readable answer about this call."""
    facts = {"message_id": entry.message_id or None, "http_status": entry.http_status}
    facts |= {"code": entry.code, "message": entry.message}
    state = "accepted" if entry.queued else "rejected" if entry.rejected else "unknown"
    return Verdict(Settlement(state=state, **facts))  # type: ignore[arg-type]  # one table of optional facts


def after_error(problem: BaseException, failed_tries: int, *, reached: bool = True) -> Verdict:
    """Judge an attempt without a readable answer.

    Parameters
    ----------
    problem : BaseException
        What `AsyncPlatformClient.make_call` raised; anything it does not name counts as unknown.
    failed_tries : int
        Tries that did not leave this machine, this one included; see `Tries`.
    reached : bool
        Whether this run has had a call accepted: before that, an address that the platform does not know (404, 405) is
        taken for a wrong `base_url`, which no recipient must pay for; after it, for a refusal of this call.
    """
    match problem:
        case RateLimitedError():
            return Verdict(None, pause_seconds=problem.retry_after_seconds, limited=True)
        case UnauthorisedError():
            return Verdict(None, stop=f"the platform refused the key or the account: {problem}")
        case NotFoundError() if not reached:
            return Verdict(None, stop=f"the platform does not know this address; correct base_url: {problem}")
        case NotSentError():
            return _after_no_connection(problem, failed_tries)
        case BadRequestError() | NotFoundError() | ConflictError():
            return Verdict(_settle("rejected", problem))
        case PlatformError():
            return Verdict(_settle("unknown", problem))
    return Verdict(Settlement(state="unknown", message=f"interrupted by {type(problem).__name__}"))


def _after_no_connection(problem: NotSentError, failed_tries: int) -> Verdict:
    if failed_tries < MAX_TRIES:
        return Verdict(None, pause_seconds=0.5 * 2**failed_tries)
    return Verdict(None, stop=f"{failed_tries} tries did not reach the platform: {problem}")


def _settle(state: str, problem: PlatformError) -> Settlement:
    return Settlement(state=state, http_status=problem.http_status, code=problem.code, message=problem.description)


class Breaker:
    """Stops a campaign in which too much goes wrong.

    Three calls of unknown outcome in a row, five among the last 50, or ten refusals in a row.
    """

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=_RECENT)

    def note(self, state: str) -> str | None:
        """Take note of a call's state and return why to stop, or None."""
        self._recent.append(state)
        states = list(self._recent)
        if states[-_UNKNOWN_IN_A_ROW:] == ["unknown"] * _UNKNOWN_IN_A_ROW:
            return f"{_UNKNOWN_IN_A_ROW} calls in a row have an unknown outcome; look at the network and the platform"
        if states.count("unknown") >= _UNKNOWN_OF_RECENT:
            return f"{_UNKNOWN_OF_RECENT} of the last {len(states)} calls have an unknown outcome"
        if states[-_REFUSED_IN_A_ROW:] == ["rejected"] * _REFUSED_IN_A_ROW:
            return f"{_REFUSED_IN_A_ROW} calls in a row were refused; see lab.requests() for the reasons"
        return None


class Tries:
    """Counts the tries that did not leave: of each call, and in a row over all calls.

    Where the platform cannot be reached, calls that are tried one after another would each be tried once before any is
    tried again. Those that fail while the campaign pauses were under way together, and count once in the row.

    Examples
    --------
    >>> tries = Tries()
    >>> [tries.failed(name, pausing=name == "b") for name in "abc"]
    [1, 1, 2]
    >>> tries.got_through()
    >>> tries.failed("d", pausing=False), tries.failed("a", pausing=False)
    (1, 2)
    """

    def __init__(self) -> None:
        self._of_call: Counter[str] = Counter()
        self._in_a_row = 0

    def failed(self, correlation_id: str, *, pausing: bool) -> int:
        """Count a try; return the larger of both counts."""
        self._of_call[correlation_id] += 1
        self._in_a_row += not pausing
        return max(self._of_call[correlation_id], self._in_a_row)

    def got_through(self) -> None:
        """Note that a request has left, whatever the answer: the row begins anew."""
        self._in_a_row = 0
