"""What a plan asks of one comparison, in a test that is looked at once: its power and its size in calls of all arms."""

from __future__ import annotations

from dataclasses import dataclass

from imilab.comparison.planning.formulas import root
from imilab.comparison.planning.non_inferiority import power_non_inferiority, size_non_inferiority
from imilab.comparison.planning.two_rates import power_pooled, size_pooled
from imilab.errors import InvalidInputError

__all__ = ["Question"]

_EDGE = 1e-9


@dataclass(frozen=True)
class Question:
    """One arm against the baseline; the arm with the smallest share, as the others are no harder.

    Attributes
    ----------
    baseline : float
        The baseline's rate.
    margin : float or None
        The difference to be ruled out; None for a test of equality.
    alpha : float
        Level of this comparison, of both sides together.
    share, baseline_share : float
        Shares of all calls that fall to the arm and to the baseline.
    """

    baseline: float
    margin: float | None
    alpha: float
    share: float
    baseline_share: float

    def rate(self, mde: float) -> float:
        """Return the arm's rate.

        Raises
        ------
        InvalidInputError
            It would lie outside 0 to 1.
        """
        arm = self.baseline + mde
        if not -_EDGE <= arm <= 1 + _EDGE:
            raise InvalidInputError("mde", f"{self.baseline:g} and {mde:+g} give a rate of {arm:g}, outside 0 to 1")
        return min(max(arm, 0.0), 1.0)

    def power(self, n: float, mde: float) -> float:
        """Return the power of `n` calls of all arms."""
        sizes = (n * self.share, n * self.baseline_share, self.rate(mde), self.baseline)
        if self.margin is None:
            return power_pooled(*sizes, alpha=self.alpha)
        return power_non_inferiority(*sizes, self.margin, alpha=self.alpha / 2)

    def size(self, power: float, mde: float) -> float:
        """Return the calls of all arms that reach a power."""
        rates, ratio = (self.rate(mde), self.baseline), self.share / self.baseline_share
        if self.margin is None:
            _, n0 = size_pooled(*rates, power=power, alpha=self.alpha, ratio=ratio)
        else:
            _, n0 = size_non_inferiority(*rates, self.margin, power=power, alpha=self.alpha / 2, ratio=ratio)
        return n0 / self.baseline_share

    def mde(self, n: float, power: float, direction: int) -> float:
        """Return the difference that `n` calls of all arms find with a power, upwards (1) or downwards (-1).

        With a margin it is the true difference nearest to the margin at which the margin is still ruled out.

        Raises
        ------
        InvalidInputError
            Too few calls for any difference.
        """
        end = (1 - self.baseline if direction > 0 else -self.baseline) * (1 - _EDGE)
        start = direction * _EDGE if self.margin is None else self.margin + direction * _EDGE
        if abs(end - start) < _EDGE or (end - start) * direction < 0 or self.power(n, end) < power:
            raise InvalidInputError("n", f"{n:,.0f} calls are too few: even the largest difference would be missed")
        return root(lambda mde: self.power(n, mde) - power, start, end)
