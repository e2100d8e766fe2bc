"""The façade's verbs that decide who gets which arm and when, and that check it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from imilab.errors import InvalidInputError, hides_arguments
from imilab.lab.core import LabCore
from imilab.send import Arm, Plan, make_plan, read_recipients
from imilab.send.durations import Duration
from imilab.send.recipients import RecipientsSource
from imilab.send.rules import outlook_of
from imilab.send.timing import Timing
from imilab.send.verification import AssignmentCheck, check_stored
from imilab.store.earlier_calls import count_called
from imilab.store.journal import calls_of_plan
from imilab.terms import Media, Voice

__all__ = ["PlanningVerbs"]

_PLAN = "SELECT plan_id, seed, design, document FROM plans WHERE campaign = ?"


class PlanningVerbs(LabCore):
    """Plans, and checks plans; nothing here sends."""

    @hides_arguments
    def plan(
        self,
        recipients: RecipientsSource,
        arms: Mapping[str, Arm | Voice | Media],
        text: str | None = None,
        *,
        seed: int = 0,
        design: str = "blocked",
        shares: Mapping[str, int | float | Decimal | Fraction] | None = None,
        strata: str | Sequence[str] | None = None,
        between: str | None = None,
        days: str | None = None,
        zone: str | None = None,
        over: Duration | None = None,
        spacing: Duration | None = None,
        send_at: str = "local",
        campaign: str | None = None,
    ) -> Plan:
        """Assign recipients to arms at random; nothing is sent.

        Parameters
        ----------
        recipients : iterable of str, iterable of mapping, DataFrame, or path of a CSV file
            E.164 numbers; a table holds them in its column ``msisdn``, and may hold further columns for `strata` and
            for the texts' placeholders. A set, which has no order of its own, is taken in the order of its texts.
        arms : mapping
            Name to `Voice`, `Media` or `Arm`; an `Arm` may have its own text and its own hours.
        text : str, optional
            What the voices say, where an arm does not say otherwise. ``{first_name}`` stands for the recipient's field
            of that name, ``{{`` and ``}}`` for a brace. Who lacks a field that any arm's text needs is refused.
        seed : int
            Decides the assignment.
        design : {"blocked", "simple", "crossover"}
            See `imilab.designs.allocate`. In a crossover each number hears each arm once, in random order.
        shares : mapping of str to number, optional
            The arms' shares, such as ``{"new": 1, "old": 3}``; equal by default.
        strata : str or sequence of str, optional
            Columns of the recipients within which the arms are balanced.
        between, days, zone : str, optional
            The hours in which calls are placed, such as ``09:00-20:00``, ``mon-fri``, ``Europe/London``; without a
            zone on the recipient's own clock, in all zones that the number may be in. Calls are spread evenly over
            them, outside of quiet hours, at the tenant's pace.
        over : timedelta or str, optional
            For how long they are spread, such as ``2 days``, from the first open hour on; by default a day, and the
            spacing for each further call of a number, or longer where that has no room.
        spacing : timedelta or str, optional
            Least time between two calls to one number, such as ``4 hours``; a day in a crossover.
        send_at : {"local", "platform"}
            Who waits for a call's time: `Lab.send`, or the platform, which then gets all calls at once with a
            `sendAt`.
        campaign : str, optional
            Its name; calling the same people with the same plan again needs a new one.

        Returns
        -------
        Plan
            A plan that the store holds already has the names and times that it was stored with.

        Raises
        ------
        InvalidInputError
            Names what cannot be used.
        """
        timing = Timing(between=between, days=days, zone=zone, spacing=spacing, over=over, send_at=send_at)
        made = make_plan(
            read_recipients(recipients),
            arms,
            text,
            seed=seed,
            design=design,
            shares=shares,
            strata=strata,
            timing=timing,
            campaign=campaign,
            key=self.store.number_key,
            outlook=outlook_of(self.settings, simulated=self.is_simulated, now_ms=self._clock.now_ms()),
            new_id=self._new_id,
            refusal=self._dispatcher.refusal_now(),
        )
        with self.store.reading() as connection:
            stored = {call.position or 0: call for call in calls_of_plan(connection, made.plan_id)}
            before = count_called(connection, {call.msisdn for call in made.calls}, made.plan_id)
        return replace(made.as_stored(stored) if stored else made, called_before=before)

    @hides_arguments
    def verify(self, campaign: str) -> AssignmentCheck:
        """Draw a campaign's arms again from the seed that was stored with it, and compare each of its calls.

        Raises
        ------
        InvalidInputError
            No plan of this name was ever sent.

        Examples
        --------
        >>> import imilab
        >>> with imilab.Lab.simulated() as lab:
        ...     plan = lab.plan(["+12025550123"], {"a": imilab.Media("m1"), "b": imilab.Media("m2")}, campaign="tea")
        ...     done = lab.send(plan, progress=False)
        ...     print(lab.verify("tea"))
        tea: every one of 1 calls has the arm that seed 0 gives (blocked).
        """
        rows = self.store.rows(_PLAN, (campaign,))
        if not rows:
            raise InvalidInputError("campaign", "no plan of this name was sent from this store; see lab.requests()")
        ((plan_id, seed, design, document),) = rows
        with self.store.reading() as connection:
            calls = calls_of_plan(connection, str(plan_id))
        return check_stored(campaign, int(str(seed)), str(design), str(document), calls)
