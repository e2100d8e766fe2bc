"""Whether a write reaches the disk now: asked as often as one likes, tried at most once a second."""

from __future__ import annotations

import asyncio
import time

from imilab.errors import StoreError
from imilab.receiver.late_store import LateStore
from imilab.store import Store
from imilab.store.connection import Connection
from imilab.store.send_counters import add_to_counter

__all__ = ["Health", "write_and_count"]

_SECONDS = 1.0
_PATIENCE_SECONDS = 3.0
_COUNTER = "health"


def write_and_count(connection: Connection) -> int:
    """Change a row: a transaction that changes nothing commits on a full disk too."""
    return add_to_counter(connection, _COUNTER, 1)


class Health:
    """Tries a store.

    Parameters
    ----------
    store : Store or LateStore
        Is written to.
    """

    def __init__(self, store: Store | LateStore) -> None:
        self._store = store
        self._trial: asyncio.Task[bool] | None = None
        self._began = 0.0

    async def is_well(self) -> bool:
        """Say whether a write reached the disk, within the last second or now."""
        if self._trial is None or (self._trial.done() and time.monotonic() - self._began >= _SECONDS):
            self._began = time.monotonic()
            self._trial = asyncio.create_task(self._writes())
        return await asyncio.shield(self._trial)  # who hangs up does not end it for the others

    async def _writes(self) -> bool:
        try:
            job = self._store.submit(write_and_count)
            await asyncio.wait_for(asyncio.wrap_future(job), _PATIENCE_SECONDS)
        except (StoreError, TimeoutError):
            return False
        return True
