"""The asker: asks the platform how calls stand, inside the tenant's limit."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from imilab.clock import Clock
from imilab.config import Settings
from imilab.errors import SendStoppedError
from imilab.progress import make_progress
from imilab.send.connecting import connect
from imilab.send.reconcile import ReconcileSummary, ask_in_turn, reconcile
from imilab.send.running import Runs, run_in_thread
from imilab.send.tenant_limit import TenantLimit
from imilab.store import Store
from imilab.store.questions import open_calls
from imilab.wire import CallStatus

__all__ = ["Asker"]


class Asker:
    """Asks one platform about the calls of one store.

    Parameters
    ----------
    store : Store
        Where answers are kept.
    settings : Settings
        Base URL, key, limits.
    clock : Clock
        Tells which calls are old enough.
    limit : TenantLimit
        Which questions share with calls.
    runs : Runs
        Where a run of questions can be stopped.
    """

    def __init__(self, store: Store, settings: Settings, clock: Clock, limit: TenantLimit, runs: Runs) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._limit = limit
        self._runs = runs

    def reconcile(self, *, older_than_seconds: float, progress: bool | None) -> ReconcileSummary:
        """Ask about open calls; see `Lab.reconcile`."""
        until_ms = self._clock.now_ms() - int(older_than_seconds * 1000)
        with self._runs.one() as stop, self._limit.to_ask():
            with self._store.reading() as connection:
                message_ids = open_calls(connection, until_ms)
            bar = make_progress("asking", len(message_ids), show=progress)

            def show(counts: Mapping[str, int]) -> None:
                bar.update({"asked": counts["asked"]})

            async def work() -> ReconcileSummary:
                async with connect(self._settings) as client:
                    pace = self._limit.pace
                    return await reconcile(
                        self._store, client, pace, self._clock, message_ids, on_progress=show, stop=stop
                    )

            with bar:
                return run_in_thread(work, stop)

    def call_status(self, message_id: str) -> CallStatus:
        """Ask how one call stands; see `Lab.call_status`."""
        with self._runs.one() as stop, self._limit.to_ask():
            return run_in_thread(lambda: self._ask(message_id, stop), stop)

    async def _ask(self, message_id: str, stop: threading.Event) -> CallStatus:
        async with connect(self._settings) as client:
            told = await ask_in_turn(client, message_id, self._limit.pace, stop)
        if told is None:
            raise SendStoppedError("the platform was not asked: stopped on request")
        return told
