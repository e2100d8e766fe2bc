"""One sender at a time on a PostgreSQL store, across machines; the server lets go when the sender's session ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from imilab.errors import StoreError, StoreLockedError
from imilab.store.postgres_connection import PostgresConnection

__all__ = ["PostgresSenderLock"]

_STAY = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
_TAKE = "SELECT pg_try_advisory_lock(1768778093, hashtext(current_schema()))"


class PostgresSenderLock:
    """Held while a process sends from a store, by a session that does nothing else.

    Parameters
    ----------
    open_session : callable
        Opens the session.
    announce : callable
        Gets this lock while it is held, and None afterwards.

    Raises
    ------
    StoreLockedError
        On entering, where another process, thread or machine holds it.
    """

    def __init__(
        self, open_session: Callable[[], PostgresConnection], announce: Callable[[PostgresSenderLock | None], None]
    ) -> None:
        self._open_session = open_session
        self._announce = announce
        self._using = threading.Lock()
        self._session: PostgresConnection | None = None

    def check(self) -> None:
        """Make sure that the lock is still held: it is as long as its session answers.

        Raises
        ------
        StoreLockedError
            The session has ended. Another sender may have begun, so nothing more may be sent under this lock.
        """
        with self._using:
            try:
                if self._session is not None:
                    self._session.execute("SELECT 1")
                    return
            except StoreError:
                self._session = None
        raise StoreLockedError(
            "the connection that kept other senders away was lost, so no further call is placed; send again to go on"
        )

    def __enter__(self) -> Self:
        session = self._open_session()
        taken = False
        try:
            session.execute(_STAY)
            ((taken,),) = session.execute(_TAKE).fetchall()
        finally:
            if not taken:
                session.close()
        if not taken:
            raise StoreLockedError("something else is sending from this database, or asking; wait for it or stop it")
        self._session = session
        self._announce(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._announce(None)
        with self._using:
            if self._session is not None:
                self._session.close()
            self._session = None
