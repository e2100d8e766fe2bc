"""What the receiver counts, in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["CONTENT_TYPE", "SECONDS", "Family", "Histogram", "exposition"]

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the buckets of a duration; the platform's patience is the last."""

Labels = Mapping[str, str]


class Histogram:
    """Counts durations by bucket.

    Parameters
    ----------
    bounds : sequence of float
        Upper bounds, rising; each belongs to its bucket.
    """

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self, name: str) -> Iterator[tuple[str, Labels, float]]:
        """Give the cumulative buckets, the sum and the count."""
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            yield f"{name}_bucket", {"le": _number(bound)}, total
        yield f"{name}_sum", {}, self._sum
        yield f"{name}_count", {}, total


@dataclass(frozen=True)
class Family:
    """One metric.

    Attributes
    ----------
    name, kind, words : str
        ``kind`` is ``counter``, ``gauge`` or ``histogram``.
    samples : iterable of (name, labels, value)
        Each with its own name, for the parts of a histogram.
    """

    name: str
    kind: str
    words: str
    samples: Iterable[tuple[str, Labels, float]]

    @classmethod
    def of(cls, name: str, kind: str, words: str, value: float) -> Family:
        """Return a metric of one value."""
        return cls(name, kind, words, [(name, {}, value)])

    @classmethod
    def by(cls, label: str, name: str, words: str, counts: Mapping[str, int]) -> Family:
        """Return a counter with a value for each value of a label."""
        return cls(name, "counter", words, [(name, {label: key}, count) for key, count in counts.items()])


def exposition(families: Iterable[Family]) -> str:
    r"""Return metrics as text.

    Examples
    --------
    >>> print(exposition([Family.by("why", "lost_total", "Lost.", {'a "b"': 2})]), end="")
    # HELP lost_total Lost.
    # TYPE lost_total counter
    lost_total{why="a \"b\""} 2
    """
    return "".join(line + "\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    words = family.words.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {words}"
    yield f"# TYPE {family.name} {family.kind}"
    for name, labels, value in family.samples:
        pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{pairs}}} {_number(value)}" if pairs else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
