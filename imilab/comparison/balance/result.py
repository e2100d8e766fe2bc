"""The result of `health`: one row a check, and the worst of their verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from imilab import tables

__all__ = ["LOOK", "OK", "STOP", "Check", "Health"]

OK, LOOK, STOP = "ok", "look", "stop"
_WORST = (OK, LOOK, STOP)
_SAID = {
    OK: "Nothing speaks against the data.",
    LOOK: "Look before you believe a comparison: {what}.",
    STOP: "Do not believe a comparison of these calls before this is explained: {what}.",
}


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    name : str
        What was checked.
    verdict : str
        ``ok``, ``look`` or ``stop``.
    sentence : str
        What was found.
    value : float
        A count, a share or a chi-square, as the sentence says; NaN where there is none.
    p : float
        Of a test, adjusted where several were made; NaN where none was.
    """

    name: str
    verdict: str
    sentence: str
    value: float = float("nan")
    p: float = float("nan")


@dataclass(frozen=True, eq=False, repr=False)
class Health(tables.Table):
    """Whether the calls can be compared at all; made by `health`.

    Attributes
    ----------
    checks : DataFrame
        One row a check: ``check, verdict, value, p, sentence``.
    shares : DataFrame
        One row an arm: ``arm, count, n, share, low, high`` (Wilson's 95 % interval), ``meant``.
    drift : DataFrame
        The same over time: ``slice`` (from 1), ``begins_at, ends_at`` (UTC), ``arm, count, n, share, low, high``; empty
        where there are too few calls with a time.
    unit : str
        What is counted in both: ``numbers`` or ``calls``.
    arm : str
        The column that tells the arms apart.
    footnotes : tuple of str
        Methods and levels, and what was not checked.
    """

    checks: pd.DataFrame
    shares: pd.DataFrame
    drift: pd.DataFrame
    unit: str
    arm: str
    footnotes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict of all checks: ``ok``, ``look`` or ``stop``."""
        return str(max(self.checks["verdict"], key=_WORST.index))

    @property
    def ok(self) -> bool:
        """Whether every check is."""
        return self.verdict == OK

    @property
    def caption(self) -> str:
        """What the worst verdict asks for."""
        what = ", ".join(self.checks.loc[self.checks["verdict"] == self.verdict, "check"])
        return _SAID[self.verdict].format(what=what)

    @property
    def notes(self) -> tuple[str, ...]:
        """The footnotes."""
        return self.footnotes

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `checks`."""
        return self.checks.copy()

    def plot(self, **options: Any) -> Any:
        """Draw the arms' shares beside what was meant, and over time; `options` go to `imilab.charts.health`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from imilab.charts.health_shares import health

        return health(self, **options)

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        return [
            {
                "check": row["check"],
                "verdict": row["verdict"],
                "p": tables.p_value(row["p"]),
                "what was found": row["sentence"],
            }
            for row in self.checks.to_dict("records")
        ]

    def __repr__(self) -> str:
        return f"Health({self.verdict!r}, {len(self.checks)} checks of {self.arm!r})"
