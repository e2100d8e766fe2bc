"""One sender at a time on a store, across processes; the operating system lets go when a process dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from imilab.errors import StoreError, StoreLockedError
from imilab.store.connection import Connection

__all__ = ["SenderLock", "check_sender"]


def check_sender(connection: Connection) -> None:
    """Make sure, before a call is claimed on a connection, that its process is still the one sender.

    The operating system keeps the lock of a file. The lock of a server is lost with the session that holds it.

    Raises
    ------
    StoreLockedError
        It was, and is not any more.
    """
    check: Callable[[], None] | None = getattr(connection, "check_sender", None)
    if check is not None:
        check()


class SenderLock:
    """Held while a process sends from a store.

    Parameters
    ----------
    store : Path
        The store's file; the lock's is the same, its symbolic links followed, with ``.sending`` added.

    Raises
    ------
    StoreLockedError
        On entering, where another process or thread holds it.
    StoreError
        On entering, where its file cannot be made.
    """

    def __init__(self, store: Path) -> None:
        place = store.resolve()
        self._path = place.with_name(place.name + ".sending")
        self._handle = -1

    def __enter__(self) -> Self:
        try:
            self._handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as problem:
            raise StoreError(
                f"cannot make {self._path}, which keeps others from sending ({problem.strerror}); make its folder"
            ) from None
        try:
            _lock(self._handle)
        except OSError:
            os.close(self._handle)
            raise StoreLockedError(
                f"something else is sending from {self._path.with_suffix('')}, or asking; wait for it or stop it"
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
