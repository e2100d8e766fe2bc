"""The one writer: a thread that runs queued jobs, as many as are waiting in one transaction.

A job's future is resolved only after the commit that made it durable.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from imilab.errors import ImilabError, StoreError, without_frames
from imilab.store.connection import Backend, Connection

__all__ = ["Writer"]

T = TypeVar("T")

_JOBS_PER_COMMIT = 500


class _Job:
    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()


class Writer:
    """Runs jobs on one connection, in the order they were handed in.

    Parameters
    ----------
    backend : Backend
        Opens the connection, again where it breaks, and refuses the batch where there is no space.
    """

    def __init__(self, backend: Backend) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._backend = backend
        self._closing = threading.Lock()
        self._closed = False
        self._connection: Connection | None = backend.open_writer()
        self._thread = threading.Thread(target=self._run, name="imilab-store", daemon=True)
        self._thread.start()

    @property
    def runs_here(self) -> bool:
        """Whether the calling thread is the writer's, where waiting for a write would wait for ever."""
        return threading.current_thread() is self._thread

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue a job; its result arrives once it is durable. Cancelling the future in time drops the job.

        Raises
        ------
        StoreError
            The store is closed.
        """
        job = _Job(work)
        with self._closing:
            if self._closed:
                raise StoreError("the store is closed; open it again")
            self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Finish what is queued, then stop."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        if not self.runs_here:
            self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._next_batch()
            # A cancelled future can take no result: setting one would raise here and leave every other caller waiting.
            wanted = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if wanted:
                self._commit(wanted)
        self._disconnect()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        job = self._jobs.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == _JOBS_PER_COMMIT or self._jobs.empty():
                return batch, True
            job = self._jobs.get()
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        try:
            outcomes = self._transaction(batch)
        except BaseException as problem:  # noqa: BLE001 - whatever it is, a caller that is not told waits for ever
            self._undo()
            reason = str(problem) if isinstance(problem, StoreError) else f"cannot write: {_words(problem)}"
            for job in batch:
                job.future.set_exception(StoreError(reason))
            return
        for job, (result, error) in zip(batch, outcomes, strict=True):
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)

    def _transaction(self, batch: list[_Job]) -> list[tuple[Any, BaseException | None]]:
        self._backend.check_space()
        connection = self._begin()
        outcomes = [self._attempt(connection, job.work) for job in batch]
        connection.execute("COMMIT")
        return outcomes

    def _begin(self) -> Connection:
        """Begin a transaction; where the connection broke while nothing was written, on a new one."""
        if self._connection is not None:
            try:
                self._backend.begin_writing(self._connection)
            except self._backend.errors:
                if not self._backend.is_lost(self._connection):
                    raise
                self._disconnect()
            else:
                return self._connection
        self._connection = self._backend.open_writer()
        self._backend.begin_writing(self._connection)
        return self._connection

    def _undo(self) -> None:
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except self._backend.errors:
            self._disconnect()
        else:
            if self._connection is not None and self._backend.is_lost(self._connection):
                self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*self._backend.errors):
                connection.close()

    def _attempt(self, connection: Connection, work: Callable[[Connection], Any]) -> tuple[Any, BaseException | None]:
        """Run one job so that its failure undoes itself and nothing else."""
        connection.execute("SAVEPOINT job")
        result, error = None, None
        try:
            result = work(connection)
        except BaseException as problem:
            if not connection.in_transaction:
                raise  # the whole batch is undone: the disk, the file or the server failed, not the job
            connection.execute("ROLLBACK TO job")
            error = self._told(problem)
        connection.execute("RELEASE job")
        return result, error

    def _told(self, problem: BaseException) -> BaseException:
        if isinstance(problem, ImilabError):
            return without_frames(problem)
        return StoreError(f"cannot write: {_words(problem)}") if isinstance(problem, self._backend.errors) else problem


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"
