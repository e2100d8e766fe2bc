"""Where one arm stands against the baseline, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

from imilab import tables
from imilab.comparison.sequential.allocation import Allocation
from imilab.comparison.sequential.planned import WatchedDesign
from imilab.metrics import Metric

__all__ = ["Standing", "Watched"]


@dataclass(frozen=True)
class Watched:
    """The calls, the plan and the question.

    Attributes
    ----------
    found : Allocation
    design : WatchedDesign
    metric : Metric
    column : str
        What tells the arms apart.
    """

    found: Allocation
    design: WatchedDesign
    metric: Metric
    column: str

    @property
    def others(self) -> range:
        """The arms that are set against the baseline."""
        return range(1, len(self.found.arms))

    @property
    def confidence(self) -> float:
        """Coverage of each interval; a margin is ruled out on one side, at half of the level."""
        halved = self.design.margin is not None and len(self.design.looks) < 2
        return 1 - self.design.alpha_each / (2 if halved else 1)

    def name(self, arm: int) -> str:
        """Return an arm's name, as shown."""
        return tables.name(self.found.arms[arm])

    def told(self, arm: int, estimate: float, interval: tuple[float, float]) -> str:
        """Say what was found."""
        kind, margin = f"{tables.level(self.confidence)} interval", self.design.margin
        if margin is not None:
            worse = "lower" if margin < 0 else "higher"
            return (
                f"it is ruled out that {self.name(arm)} is {tables.points(abs(margin), signed=False)} {worse} than "
                f"{self.name(0)}, or more (difference {tables.points(estimate)}, "
                f"{kind} {tables.points_range(*interval)})"
            )
        more = "more" if sum(interval) > 0 else "less"
        return (
            f"{self.name(arm)} {self.metric.phrase} {more} often than {self.name(0)} (difference "
            f"{tables.points(estimate)}, {kind} {tables.points_range(*interval)})"
        )


@dataclass(frozen=True)
class Standing:
    """One arm against the baseline; the fields are columns of `Monitoring.rows`."""

    arm: int
    method: str
    decision: str
    look: int
    looks: int | None
    statistic: float
    most: float
    bound: float
    estimate: float
    interval: tuple[float, float]
    p: float
    n: int
    set_aside: int
    warnings: tuple[str, ...]
