"""What a plan consists of, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Facts", "Look"]


@dataclass(frozen=True)
class Look:
    """One planned look.

    Attributes
    ----------
    information : float
        Share of the planned information.
    n : int
        Resolved calls of all arms.
    z : float
        The statistic stops the trial from here on; infinite where nothing can stop it yet.
    nominal_p : float
        The p value at that bound, of as many sides as the test has.
    alpha_spent : float
        Cumulative level.
    power : float
        Chance of having stopped for the planned difference.
    """

    information: float
    n: int
    z: float
    nominal_p: float
    alpha_spent: float
    power: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Facts:
    """What a plan consists of; see `Design`.

    Attributes
    ----------
    baseline : float
        The baseline's rate, as assumed.
    mde : float
        The difference that is looked for, arm less baseline (0.05 is 5 points). With a `margin`, the true difference
        that is assumed.
    power : float
        Chance of finding it, in each comparison.
    alpha : float
        Chance of finding anything where there is nothing, in all comparisons together.
    n : int
        Resolved calls of all arms together.
    n_per_arm : tuple of int
        The same for each arm, the baseline first.
    solved_for : str
        ``n``, ``power`` or ``mde``: which of them was calculated.
    margin : float or None
        The difference that is to be ruled out, one-sided at half of `alpha`.
    icc, calls_per_number : float
        Correlation of the calls to one number, and how many there are.
    any_time : bool
        Whether the plan is made for the paired e-value, looked at after every pair.
    spending : str
        The spending function of planned looks.
    looks : tuple of Look
        One for a plan that is looked at once; none for `any_time`.
    inflation : float
        Times as many calls as a test that is looked at once.
    """

    baseline: float
    mde: float
    power: float
    alpha: float
    n: int
    n_per_arm: tuple[int, ...]
    solved_for: str
    margin: float | None
    icc: float
    calls_per_number: float
    any_time: bool
    spending: str
    looks: tuple[Look, ...]
    inflation: float

    @property
    def comparisons(self) -> int:
        """How many arms are set against the baseline."""
        return len(self.n_per_arm) - 1

    @property
    def alpha_each(self) -> float:
        """The level of each comparison; Holm's first step for several."""
        return self.alpha / self.comparisons

    @property
    def design_effect(self) -> float:
        """Times as many calls as if every call went to a number of its own: Kish (1965)."""
        return 1 + (self.calls_per_number - 1) * self.icc

    @property
    def numbers(self) -> int:
        """How many phone numbers the plan calls."""
        return round(self.n / self.calls_per_number)

    @property
    def expected_n(self) -> float:
        """Resolved calls at which a trial stops on average, if the difference is as planned; `n` without looks."""
        if not self.looks:
            return float(self.n)
        reached, expected = 0.0, 0.0
        for look in self.looks[:-1]:
            expected += (look.power - reached) * look.n
            reached = look.power
        return expected + (1 - reached) * self.n
