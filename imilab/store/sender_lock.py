"""One sender at a time on a store, across processes; the operating system lets go when a process dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from imilab.errors import StoreLockedError

__all__ = ["SenderLock"]


class SenderLock:
    """Held while a process sends from a store.

    Parameters
    ----------
    store : Path
        The store's file; the lock's is the same with ``.sending`` added.

    Raises
    ------
    StoreLockedError
        On entering, where another process or thread holds it.
    """

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".sending")
        self._handle = -1

    def __enter__(self) -> Self:
        self._handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            _lock(self._handle)
        except OSError:
            os.close(self._handle)
            raise StoreLockedError(
                f"something else is sending from {self._path.with_suffix('')}; wait for it or stop it"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
