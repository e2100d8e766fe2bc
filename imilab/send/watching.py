"""The watch over what others may change while a run goes on: the do-not-call list and the store's stop mark."""

from __future__ import annotations

import asyncio

from imilab.errors import ConfigError, StoreError
from imilab.send.halting import Halt
from imilab.send.rules import CallingRules
from imilab.store import Store
from imilab.store.stop_mark import STOP_MARK, stop_marked

__all__ = ["Watch"]

_LOOK_SECONDS = 0.5  # real time between two looks


class Watch:
    """Looks twice a second, in another thread: a large list or a slow disk must not hold up the calls.

    Parameters
    ----------
    store : Store
        Whose stop mark; claims look at it too, but calls may wait long for their connections once they are claimed.
    rules : CallingRules
        Which read the do-not-call list again where it has changed.
    halt : Halt
        Is told where the mark is set, or the list cannot be read.
    """

    def __init__(self, store: Store, rules: CallingRules, halt: Halt) -> None:
        self._store, self._rules, self._halt = store, rules, halt

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                self._halt.stop(await asyncio.to_thread(self._look))
            except StoreError as problem:
                self._halt.fail(problem)

    def _look(self) -> str | None:
        try:
            self._rules.look_again()
        except ConfigError as problem:
            return f"{problem}; then send the plan again"
        with self._store.reading() as connection:
            return STOP_MARK if stop_marked(connection) else None
