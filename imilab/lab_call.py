"""One test call: wait for it, look at its events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imilab.numbers import scrub
from imilab.store import Store
from imilab.terms import code_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Call"]

_POLL_SECONDS = 0.02
_OVER = frozenset({"final", "rejected"})


class Call:
    """One test call, as the store knows it; made by `Lab.call`.

    Attributes
    ----------
    correlation_id : str
        imilab's name for it.
    """

    def __init__(self, store: Store, correlation_id: str) -> None:
        self._store = store
        self.correlation_id = correlation_id

    @property
    def state(self) -> str:
        """How far the request is: planned, sending, accepted, final, rejected, unknown."""
        return str(self._request("state"))

    @property
    def message_id(self) -> str | None:
        """The platform's name for it; None where the platform has not told."""
        value = self._request("message_id")
        return None if value is None else str(value)

    @property
    def refusal(self) -> str | None:
        """Why the platform refused it, in its own words with numbers masked; None where it did not."""
        return scrub(str(self._request("message") or "no reason given")) if self.state == "rejected" else None

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state in _OVER

    def wait(self, timeout_seconds: float = 60.0) -> str:
        """Wait until the call is over.

        Parameters
        ----------
        timeout_seconds : float
            Real seconds.

        Returns
        -------
        str
            Its state; `final` or `rejected` where it is over.
        """
        until = time.monotonic() + timeout_seconds
        while not self.over and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        return self.state

    def timeline(self) -> pd.DataFrame:
        """Return its events in the order of their times.

        Returns
        -------
        DataFrame
            ``event_at`` (aware, UTC; when it came, where it tells no time), ``seconds`` since the first event,
            ``event`` (imilab's word, or the platform's where it is unknown), ``status``, ``code``, ``description``,
            ``source``.
        """
        import pandas as pd

        rows = self._store.rows(
            "SELECT coalesce(event_at_ms, received_at_ms), status, code, description, source FROM receipts"
            " WHERE correlation_id = ?1 OR (message_id = ?2 AND ?2 <> '') ORDER BY 1, receipt_id",
            (self.correlation_id, self.message_id or ""),
        )
        frame = pd.DataFrame(rows, columns=["event_at", "status", "code", "description", "source"])
        moments = pd.to_datetime(frame["event_at"].astype("int64"), unit="ms", utc=True)
        frame["event_at"] = moments.astype("datetime64[ms, UTC]")
        frame.insert(1, "seconds", (frame["event_at"] - frame["event_at"].min()).dt.total_seconds())
        frame["description"] = [scrub(description) for description in frame["description"]]
        frame.insert(2, "event", [_event(status, code) for _, status, code, *_ in rows])
        return frame.astype(dict.fromkeys(("event", "status", "code", "description", "source"), "str"))

    def __repr__(self) -> str:
        return f"Call({self.correlation_id[:8]}, {self.state})"

    def _request(self, column: str) -> object:
        query = f"SELECT {column} FROM requests WHERE correlation_id = ?"  # noqa: S608 - a name from this file
        return self._store.rows(query, (self.correlation_id,))[0][0]


def _event(status: str, code: str) -> str:
    row = code_of(status, code)
    if row is None or row.event is None:
        return status or code
    return str(row.event)
