"""The dispatcher: takes plans and single calls to the platform, one sender at a time on a store."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.config import Settings
from imilab.errors import ConfigError, InvalidInputError, NotArmedError, SendStoppedError
from imilab.progress import make_progress
from imilab.send.burst import Burst
from imilab.send.guards import Arming
from imilab.send.pace import Pace
from imilab.send.plan import Plan
from imilab.send.reconcile import ReconcileSummary, open_calls, reconcile
from imilab.send.rules import CallingRules
from imilab.send.running import run_in_thread
from imilab.send.sender import Sender
from imilab.send.summary import SendOptions, SendSummary, when_again
from imilab.stop_file import StopFile
from imilab.store import PlannedCall, Store
from imilab.store.journal import add_calls, add_plan, count_states, planned_calls, recover
from imilab.store.stop_mark import check_stop_mark
from imilab.wire import CallStatus

__all__ = ["Dispatcher"]

T = TypeVar("T")

_POLL_SECONDS = 0.02
_DELIVERY_SECONDS = 10.0
_GRACE_SECONDS = 1.0  # for recording the last answers
_CLAIMED_AHEAD_SECONDS = 1.0  # real time by which a call may have left after its recorded moment, which is its claim
_RECENT = (
    "SELECT requested_at_ms FROM requests WHERE requested_at_ms > ? AND requested_at_ms <= ?"
    " ORDER BY requested_at_ms DESC LIMIT 4000"
)
_WAITING = (
    "SELECT count(*) FROM requests WHERE state IN ('accepted', 'sending')"
    " AND coalesce(send_at_ms, requested_at_ms) >= ?"
)


class Dispatcher:
    """Sends from one store to one platform.

    Parameters
    ----------
    store : Store
        Holds the journal.
    settings : Settings
        Base URL, key, caller id, notify URL, limits.
    arming : Arming
        The right to place calls.
    clock : Clock
        Whose seconds the pace counts.
    """

    def __init__(self, store: Store, settings: Settings, arming: Arming, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._arming = arming
        self._clock = clock
        self._rules = CallingRules(settings, simulated=arming.is_simulated, number_key=store.number_key)
        self._pace = Pace(settings.calls_per_second, clock)
        self._stop_file = StopFile.beside(settings.store, settings.stop_file)
        self._sent_until_ms = 0
        self._running: set[threading.Event] = set()

    def refusal_now(self) -> Callable[[str], str | None]:
        """Read the do-not-call list again, and return what tells why a number may never be called."""
        self._rules.refresh()
        return self._rules.refusal

    def stop(self) -> None:
        """Start no further call, and ask no further question, in what is running."""
        for stop in tuple(self._running):
            stop.set()

    def close(self) -> None:
        """Stop, and wait until the requests under way are answered or have timed out."""
        until = time.monotonic() + self._settings.request_timeout_seconds + _GRACE_SECONDS
        while self._running and time.monotonic() < until:
            self.stop()
            time.sleep(_POLL_SECONDS)

    def call(self, planned: PlannedCall) -> None:
        """Place one call now.

        Raises
        ------
        NotArmedError
            It may not be placed.
        SendStoppedError
            It did not leave, and says why.
        """
        self._check([planned])
        if reason := self.refusal_now()(planned.msisdn):
            raise InvalidInputError("msisdn", reason)
        now_ms, caller_id, key = self._clock.now_ms(), self._settings.caller_id, self._store.number_key

        def record() -> list[PlannedCall]:
            self._store.write(lambda connection: add_calls(connection, [planned], caller_id, key, now_ms))
            return [planned]

        sender = self._send(record, self._pace, "", progress=False)
        if sender.stopped and not sender.sent:
            raise SendStoppedError(f"the call was not placed: {sender.stopped}")
        if waits := "; ".join(sender.held):
            raise SendStoppedError(f"the call was not placed: {waits}; {when_again(sender.next_ms)}")

    def send(
        self, plan: Plan, *, calls_per_second: float | None = None, burst: bool = False, progress: bool | None = None
    ) -> SendSummary:
        """Send what is left of a plan; see `Lab.send`."""
        slower = calls_per_second is not None and not calls_per_second >= self._settings.calls_per_second
        if slower and burst:
            raise InvalidInputError("burst", "a pace below the tenant's limit needs none; leave out one of the two")
        pace = Pace(calls_per_second or 0.0, self._clock, within=self._pace) if slower else self._pace
        self._check(plan.calls)
        started = time.monotonic()
        extra = self._burst() if burst else None
        sender = self._send(
            lambda: self._left_of(plan), pace, plan.campaign, progress=progress, burst=extra, returns_when_stopped=True
        )
        with self._store.reading() as connection:
            states = count_states(connection, plan.plan_id)
        return SendSummary(
            campaign=plan.campaign,
            sent=sender.sent,
            states=states,
            seconds=time.monotonic() - started,
            stopped=sender.stopped,
            held=dict(sender.held),
            refused=dict(sender.refused),
            next_ms=sender.next_ms,
            burst=str(extra) if extra else None,
        )

    def reconcile(self, *, older_than_seconds: float, progress: bool | None) -> ReconcileSummary:
        """Ask about open calls; see `Lab.reconcile`."""
        message_ids = open_calls(self._store, self._clock.now_ms() - int(older_than_seconds * 1000))
        bar = make_progress("asking", len(message_ids), show=progress)

        def show(counts: Mapping[str, int]) -> None:
            bar.update({"asked": counts["asked"]})

        async def work(stop: threading.Event) -> ReconcileSummary:
            async with self._client() as client:
                return await reconcile(
                    self._store, client, self._pace, self._clock, message_ids, on_progress=show, stop=stop
                )

        with bar:
            return self._run(work)

    def call_status(self, message_id: str) -> CallStatus:
        """Ask how one call stands."""

        async def work(_: threading.Event) -> CallStatus:
            async with self._client() as client:
                return await client.call_status(message_id)

        return self._run(work)

    def wait(self, timeout_seconds: float) -> int:
        """Wait until no accepted call is without its final receipt; return how many still are. Lost calls are not."""
        # What was given up as lost before is not waited for; on a fast clock, receipts still get some real time.
        horizon_seconds = self._settings.receipt_horizon.total_seconds() + _DELIVERY_SECONDS * self._clock.time_scale
        since_ms = self._clock.now_ms() - int(horizon_seconds * 1000)
        until = time.monotonic() + timeout_seconds
        while True:
            ((waiting,),) = self._store.rows(_WAITING, (since_ms,))
            if not waiting or time.monotonic() > until:
                return int(waiting)
            time.sleep(_POLL_SECONDS)

    def _check(self, calls: Sequence[PlannedCall]) -> None:
        self._arming.check()
        strangers = sum(not self._arming.allows(call.msisdn) for call in calls)
        if strangers:
            raise NotArmedError(
                (f"{strangers} of {len(calls)} numbers in the allow-list (allow_list, IMILAB_ALLOW_LIST)",)
            )

    def _left_of(self, plan: Plan) -> list[PlannedCall]:
        """Record a plan that is new, and return its calls that are still to be sent."""
        record = partial(
            add_plan,
            plan_id=plan.plan_id,
            campaign=plan.campaign,
            design=plan.design,
            seed=plan.seed,
            document=plan.document(),
            calls=plan.calls,
            caller_id=self._settings.caller_id,
            number_key=self._store.number_key,
            now_ms=self._clock.now_ms(),
        )
        if plan.calls:  # one without calls can be sent once what refuses them all is corrected
            self._store.write(record)
        with self._store.reading() as connection:
            return planned_calls(connection, plan.plan_id)

    def _send(
        self,
        record: Callable[[], list[PlannedCall]],
        pace: Pace,
        title: str,
        *,
        progress: bool | None,
        burst: Burst | None = None,
        returns_when_stopped: bool = False,
    ) -> Sender:
        """Record calls and send them, as the only sender on this store."""
        with self._store.reading() as connection:  # a closed store says so before a lock is looked for beside it
            check_stop_mark(connection)
        self._stop_file.check()
        with self._stoppable() as stop, self._store.sender_lock():
            self._store.write(recover)
            self._rules.refresh()
            self._recall()
            calls = record()
            bar = make_progress(title, len(calls), show=progress, stop=self.stop)

            async def work() -> Sender:
                async with self._client() as client:
                    sender = Sender(
                        self._store,
                        client,
                        self._arming,
                        self._rules,
                        SendOptions.of(self._settings),
                        pace,
                        self._clock,
                        on_progress=bar.update,
                        stop=stop,
                        stop_file=self._stop_file,
                        burst=burst,
                    )
                    await sender.send(calls)
                    return sender

            with bar, self._bursting(burst):
                return run_in_thread(work, stop, returns_when_stopped=returns_when_stopped)

    def _recall(self) -> None:
        """Let the pace count what another process sent from this store a moment ago."""
        now_ms, scale = self._clock.now_ms(), self._clock.time_scale
        since_ms = now_ms - self._pace.memory_ms - math.ceil(_CLAIMED_AHEAD_SECONDS * scale * 1000)
        rows = self._store.rows(_RECENT, (max(self._sent_until_ms, since_ms), now_ms))
        ages = ((now_ms - moment_ms) / 1000 / scale for (moment_ms,) in rows)
        self._pace.recall(max(0.0, age - _CLAIMED_AHEAD_SECONDS) for age in ages)

    def _burst(self) -> Burst:
        settings = self._settings
        return Burst(self._store, self._clock, settings.tenant_zone or "UTC", settings.calls_per_second)

    @contextlib.contextmanager
    def _bursting(self, burst: Burst | None) -> Iterator[None]:
        """Let the tenant's pace use a burst for a while."""
        self._pace.extra = burst
        try:
            yield
        finally:
            self._pace.extra = None
            self._sent_until_ms = self._clock.now_ms()
            if burst:
                burst.end()

    def _run(self, work: Callable[[threading.Event], Coroutine[Any, Any, T]]) -> T:
        with self._stoppable() as stop:
            return run_in_thread(lambda: work(stop), stop)

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[threading.Event]:
        """Give what `stop` sets, from the very start: a stop while a large plan is being recorded must not be lost."""
        stop = threading.Event()
        self._running.add(stop)
        try:
            yield stop
        finally:
            self._running.discard(stop)

    def _client(self) -> AsyncPlatformClient:
        settings = self._settings
        if settings.base_url is None:
            raise ConfigError("base_url", "missing; set IMILAB_BASE_URL to https://api.<region>.webexconnect.io")
        if settings.key is None:
            raise ConfigError("key", "missing; set IMILAB_KEY to the service key")
        return AsyncPlatformClient(
            settings.base_url, settings.key, timeout_seconds=settings.request_timeout_seconds, zone=settings.zone
        )
