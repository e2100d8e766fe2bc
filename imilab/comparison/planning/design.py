"""A plan for a comparison, in words and tables: how many calls, looked at when, and what they can show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from imilab import tables
from imilab.comparison.planning.curve import power_curve
from imilab.comparison.planning.facts import Facts
from imilab.comparison.planning.pace import Outlook, outlook

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoFrame

__all__ = ["Design"]

_SPENDING_NAMES = {"obrien_fleming": "O'Brien-Fleming", "pocock": "Pocock"}
_FEW_NUMBERS = 30


@dataclass(frozen=True, kw_only=True, repr=False)
class Design(Facts, tables.Table):
    """A plan; made by `imilab.power`, watched by `imilab.monitor`. What it consists of: see `Facts`."""

    @property
    def caption(self) -> str:
        """The plan in words."""
        each = sorted({f"{n:,}" for n in self.n_per_arm}, key=len)
        split = f"{each[0]} in each of {len(self.n_per_arm)} arms" if len(each) == 1 else self._split()
        looked = ""
        if self.any_time:
            looked = ", looked at after every pair"
        elif len(self.looks) > 1:
            looked = f", looked at {len(self.looks)} times ({_SPENDING_NAMES[self.spending]} bounds)"
        numbers = f" to {self.numbers:,} numbers" if self.calls_per_number > 1 else ""
        return (
            f"{'At most ' if looked else ''}{self.n:,} resolved calls{numbers} ({split}) {self._finding()} with "
            f"{tables.percent(self.power)} power at level {self.alpha:g}{looked}."
        )

    def _split(self) -> str:
        return f"{self.n_per_arm[0]:,} in the baseline, {' and '.join(f'{n:,}' for n in self.n_per_arm[1:])} beside it"

    def _finding(self) -> str:
        if self.margin is not None:
            worse = "lower" if self.margin < 0 else "higher"
            return (
                f"rule out that the arm is {tables.points(abs(self.margin), signed=False)} {worse} than a baseline of "
                f"{tables.percent(self.baseline)}, if the true difference is {tables.points(self.mde)},"
            )
        return (
            f"find a difference of {tables.points(self.mde)} from {tables.percent(self.baseline)} (to "
            f"{tables.percent(self.baseline + self.mde)})"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Methods and assumptions."""
        test = "pooled z test, two-sided (Fleiss, Levin and Paik 2003)"
        if self.any_time:
            test = "exact paired e-value, two-sided"
        elif self.margin is not None:
            test = f"Farrington-Manning (1990) score test, one-sided at {self.alpha / 2:g}"
        said = [
            f"Calculated: {self.solved_for}. Test: {test}. Pending and not placed calls do not count: place more.",
        ]
        if self.comparisons > 1:
            said.append(
                f"{self.comparisons} arms are set against the baseline, each at level {self.alpha_each:.3g} (the first "
                "step of Holm's adjustment): the power is that of each comparison, and later steps only add to it."
            )
        if self.calls_per_number > 1:
            said.append(
                f"{self.calls_per_number:g} calls go to each number, with a correlation (ICC) of {self.icc:g}: design "
                f"effect {self.design_effect:.2f} (Kish 1965). Each number belongs to one arm."
            )
            if self.numbers < _FEW_NUMBERS * len(self.n_per_arm):
                said.append("With so few numbers an arm the power is somewhat less: the test uses t for the normal.")
        said.append(self._looking())
        return tuple(said)

    def _looking(self) -> str:
        if self.any_time:
            return (
                "Looked at after every pair with the exact paired e-value (imilab.monitor): stop when it reaches "
                f"{1 / self.alpha_each:,.0f}. That needs {self.inflation:.2f} times the calls of one look at the end."
            )
        if len(self.looks) == 1:
            return (
                "This plan is looked at once, at the end. To look earlier, plan looks=5 or looks='any'; "
                "imilab.monitor watches this plan with the paired e-value, which has less power."
            )
        return (
            f"Bounds: Lan and DeMets (1983), {_SPENDING_NAMES[self.spending]} type. The looks cost "
            f"{self.inflation:.3f} times the calls of one look; if the difference is as planned, a trial stops after "
            f"{self.expected_n:,.0f} calls on average. imilab.monitor moves the bounds to where the looks really fall."
        )

    def looks_table(self) -> pd.DataFrame:
        """Return the planned looks.

        Returns
        -------
        DataFrame
            One row a look: ``look`` (from 1), ``information`` (fraction), ``n`` (resolved calls of all arms), ``z``
            (bound), ``nominal_p``, ``alpha_spent`` and ``power`` (cumulative). Empty for `any_time`.
        """
        import pandas as pd

        columns = ["look", "information", "n", "z", "nominal_p", "alpha_spent", "power"]
        rows = [(index, *(getattr(look, name) for name in columns[1:])) for index, look in enumerate(self.looks, 1)]
        return pd.DataFrame(rows, columns=columns)

    def to_pandas(self) -> pd.DataFrame:
        """Return the planned looks (`looks_table`), or one row an arm (``arm, n, numbers, rate``) without looks."""
        import pandas as pd

        if len(self.looks) > 1:
            return self.looks_table()
        rows = [
            (self._arm(index), n, round(n / self.calls_per_number), self.baseline + (self.mde if index else 0.0))
            for index, n in enumerate(self.n_per_arm)
        ]
        return pd.DataFrame(rows, columns=["arm", "n", "numbers", "rate"])

    def power_curve(self, over: str = "n") -> pd.DataFrame:
        """Return the power with other numbers of calls or for other differences; see `power_curve`."""
        return power_curve(self, over)

    def plot(self, over: str = "n", **options: Any) -> Any:
        """Draw `power_curve`, with the plan as its marked point; `options` go to `imilab.charts.plan`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from imilab.charts.plan_curve import plan

        return plan(self, over, **options)

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        if len(self.looks) > 1:
            return [
                {
                    "look": str(index),
                    "calls": tables.count(look.n),
                    "information": tables.percent(look.information),
                    "bound": f"{look.z:.3f}" if look.z < 100 else tables.MISSING,
                    "nominal p": f"{look.nominal_p:.2g}" if look.z < 100 else tables.MISSING,
                    "level spent": f"{look.alpha_spent:.4f}",
                    "stopped if as planned": tables.percent(look.power),
                }
                for index, look in enumerate(self.looks, 1)
            ]
        return [
            {
                "arm": row["arm"],
                "resolved calls": tables.count(row["n"]),
                "numbers": tables.count(row["numbers"]),
                "assumed rate": tables.percent(row["rate"]),
            }
            for row in self.to_pandas().to_dict("records")
        ]

    def _arm(self, index: int) -> str:
        return "baseline" if index == 0 else "arm" if self.comparisons == 1 else f"arm {index}"

    def how_much_longer(
        self,
        calls: IntoFrame,
        *,
        arm: str = "arm",
        baseline: object = None,
        outcome: str = "answered",
        early_hangup_seconds: float = 5.0,
        as_of: datetime | None = None,
        tz: str = "UTC",
    ) -> Outlook:
        """Say how long the rest of the plan takes at the pace of the calls so far.

        Parameters
        ----------
        calls : DataFrame
            A calls table.
        arm, baseline, outcome, early_hangup_seconds
            See `imilab.monitor`.
        as_of : datetime, optional
            Now, with zone; the newest time in the table if not given.
        tz : str
            The zone in which the end is told.

        Returns
        -------
        Outlook
        """
        return outlook(
            calls,
            self.n_per_arm,
            arm=arm,
            baseline=baseline,
            outcome=outcome,
            early_hangup_seconds=early_hangup_seconds,
            as_of=as_of,
            tz=tz,
        )

    def __repr__(self) -> str:
        return (
            f"Design({self.n:,} calls, mde={self.mde:+.4g}, power={self.power:.4g}, looks={len(self.looks) or 'any'})"
        )
