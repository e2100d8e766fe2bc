"""The receiver's numbers, and their names as metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator

from imilab.receiver.metrics import Family, Histogram
from imilab.serving import Connections

__all__ = ["RESULTS", "Tally"]

RESULTS = (
    *("stored", "repeated", "quarantined"),
    *("forged", "refused", "too_large", "coded", "broken_off", "misdirected"),
)
"""What may become of a POST; the first three are answered 200."""


class Tally:
    """Counts since the start.

    Attributes
    ----------
    counts : dict
        Requests by result.
    commit_seconds, answer_seconds : Histogram
        How long a commit took in the writer, and a request from its headers to its answer.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(RESULTS, 0)
        self.commit_seconds = Histogram()
        self.answer_seconds = Histogram()
        self._started = time.time()

    def families(self, *, depth: int, free_bytes: int | None, connections: Connections | None) -> Iterator[Family]:
        """Give all metrics."""
        yield Family.by("result", "imilab_receiver_requests_total", "Webhooks, by what became of them.", self.counts)
        yield Family.of("imilab_receiver_waiting", "gauge", "Receipts that wait for a commit.", depth)
        for name, words, histogram in (
            ("imilab_receiver_commit_seconds", "From the begin of a write to its commit.", self.commit_seconds),
            ("imilab_receiver_answer_seconds", "From a webhook's headers to its answer.", self.answer_seconds),
        ):
            yield Family(name, "histogram", words, histogram.samples(name))
        if free_bytes is not None:
            yield Family.of("imilab_store_free_bytes", "gauge", "Free space beside the store.", free_bytes)
        if connections is not None:
            yield Family.of("imilab_receiver_connections", "gauge", "Open connections.", len(connections))
            yield Family.by(
                "reason",
                "imilab_receiver_connections_ended_total",
                "Connections that were ended before a request was complete, by why.",
                connections.counts,
            )
        yield Family.of("imilab_receiver_start_time_seconds", "gauge", "When it started, as UNIX time.", self._started)
