"""The plan: who gets which arm, and when. Frozen and known by its content, so that sending it again sends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from imilab.numbers import mask, scrub
from imilab.send.arms import Arm, describe_arm
from imilab.send.estimates import summarise
from imilab.send.outlook import Outlook
from imilab.send.plan_summary import PlanSummary
from imilab.send.quantities import quantity
from imilab.send.recipients import Refusal
from imilab.send.verification import AssignmentCheck, Draw, check_assignment
from imilab.store import PlannedCall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plan"]

_LEFT_OUT = "not in the plan as it was first sent; a new campaign name makes a new plan"


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """Who gets which arm, and when; made by `Lab.plan`, sent by `Lab.send`.

    Attributes
    ----------
    plan_id : str
        Hash of campaign, number keys, arms with texts and hours, seed, design, shares, strata and spacing, and of the
        recipients' fields that the texts need.
    campaign : str
        Its name; calling the same people again on purpose needs a new one.
    arms : mapping of str to Arm
        With each arm's text and hours filled in.
    draw : Draw
        How the arms were drawn.
    calls : tuple of PlannedCall
        By position. They are sent in the order of their times.
    times : tuple of int or None
        When each call is to ring, milliseconds UTC: as planned, or, where no hours were given, as the pace and quiet
        hours would have it if the plan were sent at once. Empty where it was made without a clock.
    rows : tuple of int
        Where each call's recipient stands in the input, from 1.
    refusals : tuple of Refusal
        Who will not be called, and why.
    strata_of : tuple of str
        The recipients' columns that were balanced.
    outlook : Outlook or None
        The pace, quiet hours and prices behind `summary`.
    is_stored : bool
        Whether the store held it before: some or all of its calls may have been sent.
    called_before : int
        How many of its numbers were asked for from this store before, by other plans or single calls.
    """

    plan_id: str
    campaign: str
    arms: Mapping[str, Arm]
    draw: Draw
    calls: tuple[PlannedCall, ...]
    times: tuple[int | None, ...] = ()
    rows: tuple[int, ...] = ()
    refusals: tuple[Refusal, ...] = field(default=())
    strata_of: tuple[str, ...] = ()
    outlook: Outlook | None = field(default=None, repr=False)
    is_stored: bool = False
    called_before: int = 0

    @property
    def seed(self) -> int:
        """What decides the assignment."""
        return self.draw.seed

    @property
    def design(self) -> str:
        """``blocked``, ``simple`` or ``crossover``."""
        return self.draw.design

    @property
    def shares(self) -> Mapping[str, int] | None:
        """The arms' shares, as small as can be; None where they are equal."""
        return self.draw.shares

    def table(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row a call: position, number, arm, what is played, text, block, stratum, planned time (UTC).

        Parameters
        ----------
        unmasked : bool
            Show full numbers, in texts too.
        """
        import pandas as pd

        columns = ["position", "msisdn", "arm", "content", "text", "block", "stratum"]
        rows = [(c.position, c.msisdn, c.arm, c.voice or c.media_id, c.text, c.block, c.stratum) for c in self.calls]
        frame = pd.DataFrame(rows, columns=columns)
        if not unmasked:
            frame["msisdn"] = frame["msisdn"].map(mask)
            frame["text"] = frame["text"].map(scrub, na_action="ignore")
        times = self.times or (None,) * len(self.calls)
        frame["planned_at"] = pd.to_datetime(pd.array(list(times), dtype="Int64"), unit="ms", utc=True).as_unit("ms")
        return frame

    def summary(self, *, minutes_per_call: float = 1.0) -> PlanSummary:
        """Return what will happen: calls by arm, country and hour, how long it takes, what it costs, who is refused.

        Parameters
        ----------
        minutes_per_call : float
            How long a call is assumed to last, for its price.

        Raises
        ------
        InvalidInputError
            `minutes_per_call` is no number, or below 0.
        """
        minutes_per_call = quantity(minutes_per_call, "minutes_per_call", unit="minutes")
        return summarise(self, minutes_per_call=minutes_per_call)

    @property
    def refused(self) -> pd.DataFrame:
        """One row a recipient that will not be called: its row in the input, masked number, reason."""
        import pandas as pd

        rows = [(refusal.row, mask(refusal.msisdn), refusal.reason) for refusal in self.refusals]
        return pd.DataFrame(rows, columns=["row", "msisdn", "reason"])

    def verify(self) -> AssignmentCheck:
        """Draw the arms again from the seed, and compare each call with the draw."""
        return check_assignment(self.calls, self.draw, self.campaign)

    def document(self) -> str:
        """Return what is kept of the plan beside its calls, as JSON: what each arm plays, how the arms were drawn."""
        kept = {
            "arms": {name: describe_arm(arm) for name, arm in self.arms.items()},
            "assignment": {**self.draw.facts(), "columns": list(self.strata_of)},
        }
        return json.dumps(kept, sort_keys=True)

    def as_stored(self, stored: Mapping[int, PlannedCall]) -> Plan:
        """Return the plan as a store holds it already, with its names and times.

        Parameters
        ----------
        stored : mapping of int to PlannedCall
            By position; what is not in it was refused when the plan was first sent, and stays so.
        """
        both = list(zip(self.calls, self.times or (None,) * len(self.calls), self.rows, strict=True))
        kept = [
            (_stored(call, stored[call.position or 0], at_ms), row)
            for call, at_ms, row in both
            if call.position in stored
        ]
        left_out = [Refusal(row, call.msisdn, _LEFT_OUT) for call, _, row in both if call.position not in stored]
        return replace(
            self,
            calls=tuple(call for (call, _), _ in kept),
            times=tuple(at_ms for (_, at_ms), _ in kept) if self.times else (),
            rows=tuple(row for _, row in kept),
            refusals=tuple(sorted((*self.refusals, *left_out), key=lambda one: one.row)),
            is_stored=True,
        )

    def __repr__(self) -> str:
        arms = ", ".join(self.arms)
        return f"Plan({self.campaign!r}: {len(self.calls)} calls in arms {arms}; {len(self.refusals)} refused)"


def _stored(call: PlannedCall, stored: PlannedCall, at_ms: int | None) -> tuple[PlannedCall, int | None]:
    """Return a call under the name and with the time that it was stored with, and when it is to ring."""
    times = {"send_at_ms": stored.send_at_ms, "not_before_ms": stored.not_before_ms}
    known = replace(call, correlation_id=stored.correlation_id, **times)  # type: ignore[arg-type]  # both are times
    return known, stored.send_at_ms or stored.not_before_ms or at_ms
