"""The façade: one object that plans, sends, receives and reads, on the real platform or on the embedded one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imilab.clock import Clock, ScaledClock, SystemClock
from imilab.config import Settings
from imilab.errors import hides_arguments
from imilab.lab_call import Call
from imilab.receiver import RECEIPTS_PATH, Receiver
from imilab.send import (
    Arm,
    Arming,
    Dispatcher,
    Plan,
    ReconcileSummary,
    SendSummary,
    make_plan,
    new_correlation_id,
    planned_call,
    read_recipients,
)
from imilab.store import Store
from imilab.store.receipts import read_times_again
from imilab.terms import Media, Voice
from imilab.wire import CallStatus

if TYPE_CHECKING:
    import pandas as pd

    from imilab.simulator import PeopleSettings

__all__ = ["Call", "Lab"]

SIMULATED_START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday morning; the embedded platform's clock starts here, so that a demo tells the same story every day."""


class Lab:
    """Plan, send, receive and read test calls.

    Parameters
    ----------
    settings : Settings, optional
        By default from ``IMILAB_*`` and ``imilab.toml``.
    clock : Clock, optional
        The machine's own by default.

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

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        self._clock = clock or SystemClock()
        self._last, self._services = ExitStack(), ExitStack()
        self._new_id: Callable[[], str] = new_correlation_id
        self.store = Store(self.settings.store, self.settings.number_key_bytes)
        with ExitStack() as undo:
            undo.callback(self.store.close)
            self._equip(self.settings, simulated=False)
            if (zone := self.settings.zone) is not None:
                self.store.write(lambda connection: read_times_again(connection, zone))
            undo.pop_all()

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

    def _equip(self, settings: Settings, *, simulated: bool) -> None:
        self.settings, self.is_simulated = settings, simulated
        key = self.store.number_key
        self.arming = Arming(settings, simulated=simulated, clock=self._clock, number_key=key)
        self._dispatcher = Dispatcher(self.store, settings, self.arming, self._clock)

    def go_live(self, calls: int) -> None:
        """Allow this lab to place `calls` real calls within the next fifteen minutes.

        Raises `NotArmedError`, which names every setting that is missing.
        """
        self.arming.arm(calls)

    @hides_arguments
    def call(self, msisdn: str, content: Voice | Media, text: str | None = None) -> Call:
        """Place one test call.

        Parameters
        ----------
        msisdn : str
            The number, E.164.
        content : Voice or Media
            What is played.
        text : str, optional
            What the voice says.

        Returns
        -------
        Call
            Already sent; `Call.wait` waits for its receipts.

        Raises
        ------
        InvalidInputError
            Names the field that the platform would refuse.
        NotArmedError
            The real platform may not be dialled.
        """
        planned = planned_call(msisdn, Arm(content, text), self._new_id())
        self._dispatcher.call(planned)
        return Call(self.store, planned.correlation_id)

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

    @hides_arguments
    def send(self, plan: Plan, *, calls_per_second: float | None = None, progress: bool | None = None) -> SendSummary:
        """Send what is left of a plan, never a call twice.

        Parameters
        ----------
        plan : Plan
            Sending it again after an interruption sends the rest; after its end, nothing.
        calls_per_second : float, optional
            Slower than the tenant's limit, on the lab's clock.
        progress : bool, optional
            Show a progress bar; by default in a notebook or a terminal.

        Raises
        ------
        NotArmedError
            The real platform may not be dialled, or a number is not on the allow-list.
        StoreLockedError
            Something else is sending from this store.
        """
        return self._dispatcher.send(plan, calls_per_second=calls_per_second, progress=progress)

    def stop(self) -> None:
        """Start no further call in the send that is running, from another thread or a button."""
        self._dispatcher.stop()

    @hides_arguments
    def reconcile(self, *, older_than_seconds: float = 0.0, progress: bool | None = None) -> ReconcileSummary:
        """Ask the platform about calls without a final receipt, and store what it tells as receipts of source `poll`.

        Calls requested within the last `older_than_seconds` are left out; `progress` is as for `send`.
        """
        return self._dispatcher.reconcile(older_than_seconds=older_than_seconds, progress=progress)

    def call_status(self, message_id: str) -> CallStatus:
        """Ask the platform how one call stands; nothing is stored."""
        return self._dispatcher.call_status(message_id)

    def wait(self, timeout_seconds: float = 60.0) -> int:
        """Wait, in real seconds, until every accepted call has its final receipt; return how many are still open."""
        return self._dispatcher.wait(timeout_seconds)

    def receive(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Receive receipts in the background until `close`; port 0 takes a free one.

        Returns
        -------
        str
            The URL that the platform, or what forwards to it, must reach.

        Raises
        ------
        ConfigError
            The address is taken, or would take unsigned receipts from the network.
        """
        receiver = Receiver(self.store, zone=self.settings.zone, secrets=self.settings.hub_secrets, clock=self._clock)
        return self._services.enter_context(receiver.serve(host, port)).url + RECEIPTS_PATH

    def calls(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row a call, with its outcome as of now; `unmasked` shows full numbers."""
        from imilab.frames import calls_frame

        horizon_ms = self.settings.receipt_horizon // timedelta(milliseconds=1)
        return calls_frame(self.store, as_of_ms=self._clock.now_ms(), horizon_ms=horizon_ms, unmasked=unmasked)

    def receipts(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row an event, as the platform told it; `unmasked` shows full numbers and raw bodies."""
        from imilab.frames import receipts_frame

        return receipts_frame(self.store, unmasked=unmasked)

    def requests(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row a planned or attempted call, with its state; `unmasked` shows full numbers."""
        from imilab.frames import requests_frame

        return requests_frame(self.store, unmasked=unmasked)

    def close(self) -> None:
        """Stop what runs in the background and close the store. Closing twice is harmless."""
        with ExitStack() as closing:
            for close in (self._last.close, self.store.close, self._services.close, self._dispatcher.close):
                closing.callback(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "the embedded platform" if self.is_simulated else self.settings.base_url or "no platform yet"
        return f"Lab(on {where}, store {self.store.path.name!r})"
