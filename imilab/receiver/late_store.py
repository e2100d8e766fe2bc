"""A store that may open later: the receiver listens and answers 503 until it does."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from imilab.config import Settings
from imilab.errors import ImilabError, StoreAwayError, StoreError
from imilab.store import Store
from imilab.store.connection import Connection

__all__ = ["LateStore"]

T = TypeVar("T")

_PAUSE_SECONDS = 3.0
_log = logging.getLogger("imilab.receiver")


class LateStore:
    """The settings' store, opened now or as soon as it can be. A context manager that closes it.

    After a reboot the database may come up later than the receiver, and a full disk is given space some time. Until
    then every write is refused, so that the platform sends its receipts again.

    Parameters
    ----------
    settings : Settings
        Name the store.
    pause_seconds : float
        Between two tries.

    Attributes
    ----------
    path : Path
        Of the store's file, or where it would be.
    place : str
        What messages call the store.

    Raises
    ------
    ImilabError
        What waiting would not mend: a wrong setting, another number key, a newer imilab's store, another program's.
    """

    def __init__(self, settings: Settings, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self.path = Path(settings.store).absolute()
        self.place = str(self.path)
        if settings.store_url is not None:
            from imilab.store.postgres import PostgresBackend

            self.place = PostgresBackend.place
        self._settings = settings
        self._pause_seconds = pause_seconds
        self._store: Store | None = None
        self._reason = ""
        self._wrong: ImilabError | None = None
        self._closed = threading.Event()
        self._opening = threading.Lock()
        self._try()

    @property
    def is_open(self) -> bool:
        """Whether it can be written to."""
        return self._store is not None

    @property
    def number_key(self) -> bytes:
        """Key of the number hashes.

        Raises
        ------
        StoreError
            The store is not open.
        """
        return self._opened().number_key

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue a write; the future resolves once it is durable.

        Raises
        ------
        StoreError
            The store is not open.
        """
        return self._opened().submit(work)

    def keep_trying(self, give_up: Callable[[], None]) -> None:
        """Try again in the background until the store is open; `give_up` is called where that is in vain."""
        if not self.is_open:
            threading.Thread(target=self._try_on, args=(give_up,), name="imilab-late-store", daemon=True).start()

    def check(self) -> None:
        """Raise what made it give up.

        Raises
        ------
        ImilabError
            As when it is made.
        """
        if self._wrong is not None:
            raise self._wrong

    def close(self) -> None:
        """Close the store, or stop trying."""
        self._closed.set()
        with self._opening:
            if self._store is not None:
                self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LateStore({self.place!r})"

    def _opened(self) -> Store:
        if self._store is None:
            raise StoreError(self._reason)
        return self._store

    def _try_on(self, give_up: Callable[[], None]) -> None:
        try:
            while not (self.is_open or self._closed.wait(self._pause_seconds)):
                self._try()
        except ImilabError as problem:
            self._wrong = problem
        finally:  # whatever it was: a service that has stopped trying must end, so that it is started again
            if not (self.is_open or self._closed.is_set()):
                give_up()

    def _try(self) -> None:
        """Open the store; where that fails, say so once for each reason."""
        try:
            store = Store.from_settings(self._settings)
        except StoreAwayError as problem:
            reason = f"the store is not open: {problem}{self._space()}"
            if reason != self._reason:
                words = "%s. Receipts are answered 503 until it is; tried again every %.0f s"
                _log.error(words, reason, self._pause_seconds, extra={"event": "store_away"})
            self._reason = reason
            return
        with self._opening:
            if self._closed.is_set():
                store.close()
                return
            self._store = store
        if self._reason:
            _log.warning("the store is open now; receipts are kept", extra={"event": "store_open"})

    def _space(self) -> str:
        """Say so where the disk is nearly full, which SQLite calls an I/O error."""
        needed = self._settings.free_space_floor_bytes
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self.path.parent).free
            if self._settings.store_url is None and free < needed:
                return f" (less than {needed // 2**20} MiB are free there; make space)"
        return ""
