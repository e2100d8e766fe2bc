"""The façade's verb that decides who gets which arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imilab.errors import hides_arguments
from imilab.lab.core import LabCore
from imilab.send import Arm, Plan, make_plan, read_recipients
from imilab.terms import Media, Voice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PlanningVerbs"]


class PlanningVerbs(LabCore):
    """Plans; nothing here sends."""

    @hides_arguments
    def plan(
        self,
        recipients: Iterable[str] | pd.DataFrame | str | Path,
        arms: Mapping[str, Arm | Voice | Media],
        text: str | None = None,
        *,
        seed: int = 0,
        design: str = "blocked",
        campaign: str | None = None,
    ) -> Plan:
        """Assign recipients to arms at random; nothing is sent.

        Parameters
        ----------
        recipients : iterable of str, DataFrame, or path of a CSV file
            E.164 numbers; a table holds them in its column ``msisdn``.
        arms : mapping
            Name to `Voice`, `Media` or `Arm`.
        text : str, optional
            What the voices say, where an arm does not say otherwise.
        seed : int
            Decides the assignment.
        design : {"blocked", "simple"}
            See `imilab.assign.assign`.
        campaign : str, optional
            Its name; calling the same people with the same plan again needs a new one.
        """
        return make_plan(
            read_recipients(recipients),
            arms,
            text,
            seed=seed,
            design=design,
            campaign=campaign,
            key=self.store.number_key,
            new_id=self._new_id,
            refusal=self._dispatcher.refusal_now(),
        )
