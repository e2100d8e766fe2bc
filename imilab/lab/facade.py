"""The façade: one object that plans, sends, receives and reads, on the real platform or on the embedded one."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imilab.clock import ScaledClock
from imilab.lab.importing import ImportingVerbs
from imilab.lab.keeping import KeepingVerbs
from imilab.lab.planning import PlanningVerbs
from imilab.lab.reading import ReadingVerbs
from imilab.lab.sending import SendingVerbs

if TYPE_CHECKING:
    from imilab.simulator import PeopleSettings

__all__ = ["SIMULATED_START", "Lab"]

SIMULATED_START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday morning; the embedded platform's clock starts here, so that a demo tells the same story every day."""


class Lab(PlanningVerbs, SendingVerbs, ReadingVerbs, KeepingVerbs, ImportingVerbs):
    """Plan, send, receive and read test calls.

    Parameters
    ----------
    settings : Settings, optional
        By default from ``IMILAB_*`` and ``imilab.toml``.
    clock : Clock, optional
        The machine's own by default.
    engine : SparkSession, optional
        Where calls are worked out; DuckDB in this process by default.

    Attributes
    ----------
    settings : Settings
        What it runs with.
    store : Store
        The embedded database.
    is_simulated : bool
        Whether the platform is the embedded one, on which no phone rings.
    arming : Arming
        The right to place real calls: what is `still_needed`, how many `calls_left`.

    Notes
    -----
    ``Lab()`` speaks to the real platform and places no call until `go_live`; ``Lab.simulated()`` needs no account.
    """

    @classmethod
    def simulated(
        cls,
        seed: int = 7,
        *,
        folder: Path | str | None = None,
        time_scale: float = 60.0,
        start: datetime = SIMULATED_START,
        people: PeopleSettings | None = None,
        loss_share: float = 0.0,
    ) -> Self:
        """Return a lab on the embedded platform, with its own receiver and store; real HTTP, no phone rings.

        Parameters
        ----------
        seed : int
            Decides the people, and so what becomes of each call.
        folder : path, optional
            Where the store goes; by default a temporary folder, removed on `close`.
        time_scale : float
            How much faster than real time its clock runs.
        start : datetime
            Aware; what its clock shows at the beginning.
        people : PeopleSettings, optional
            How people answer and listen.
        loss_share : float
            Share of receipts that never arrive.
        """
        from imilab.simulated import Simulation

        clock = ScaledClock(start, time_scale)
        with ExitStack() as undo:
            simulation = undo.enter_context(Simulation(seed, folder, clock, people=people, loss_share=loss_share))
            lab = cls(simulation.settings(), clock=clock)
            lab._last = undo.pop_all()
            undo.callback(lab.close)
            lab._new_id = simulation.correlation_ids(lab.store).__next__
            lab._equip(simulation.start(notify_url=lab.receive()), simulated=True)
            undo.pop_all()
        return lab
