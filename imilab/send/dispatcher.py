"""The dispatcher: takes plans and single calls to the platform, one sender at a time on a store."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.config import Settings
from imilab.errors import NotArmedError, SendStoppedError
from imilab.progress import Progress, make_progress
from imilab.send.guards import Arming
from imilab.send.pace import Pace
from imilab.send.plan import Plan
from imilab.send.reconcile import ReconcileSummary, reconcile
from imilab.send.running import run_in_thread
from imilab.send.sender import Sender, SendOptions, SendSummary
from imilab.store import PlannedCall, SenderLock, Store
from imilab.store.journal import add_calls, add_plan, count_states, planned_calls, recover
from imilab.wire import CallStatus

__all__ = ["Dispatcher"]

_POLL_SECONDS = 0.02


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
        self._pace = Pace(settings.calls_per_second, clock)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Start no further call in the run that is under way."""
        self._stop.set()

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
        now_ms, caller_id, key = self._clock.now_ms(), self._settings.caller_id, self._store.number_key
        self._store.write(lambda connection: add_calls(connection, [planned], caller_id, key, now_ms))
        sender = self._run([planned], self._pace, make_progress("", 0))
        if sender.stopped and not sender.sent:
            raise SendStoppedError(f"the call was not placed: {sender.stopped}")

    def send(self, plan: Plan, *, calls_per_second: float | None, progress: bool | None) -> SendSummary:
        """Send what is left of a plan; see `Lab.send`."""
        self._check(plan.calls)
        started, now_ms = time.monotonic(), self._clock.now_ms()
        self._store.write(
            lambda connection: add_plan(
                connection,
                plan_id=plan.plan_id,
                campaign=plan.campaign,
                design=plan.design,
                seed=plan.seed,
                document=plan.document(),
                calls=plan.calls,
                caller_id=self._settings.caller_id,
                number_key=self._store.number_key,
                now_ms=now_ms,
            )
        )
        with self._store.reading() as connection:
            left = planned_calls(connection, plan.plan_id)
        pace = Pace(
            min(calls_per_second or self._settings.calls_per_second, self._settings.calls_per_second), self._clock
        )
        sender = self._run(left, pace, make_progress(plan.campaign, len(left), show=progress))
        with self._store.reading() as connection:
            states = count_states(connection, plan.plan_id)
        return SendSummary(
            campaign=plan.campaign,
            sent=sender.sent,
            states=states,
            seconds=time.monotonic() - started,
            stopped=sender.stopped,
        )

    def reconcile(self, *, older_than_seconds: float, progress: bool | None) -> ReconcileSummary:
        """Ask about open calls; see `Lab.reconcile`."""
        with self._store.reading() as connection:
            bar = make_progress("asking", count_states(connection)["accepted"], show=progress)

        def show(counts: Mapping[str, int]) -> None:
            bar.update({"asked": counts["asked"]})

        async def work() -> ReconcileSummary:
            async with self._client() as client:
                return await reconcile(
                    self._store,
                    client,
                    self._pace,
                    self._clock,
                    older_than_seconds=older_than_seconds,
                    on_progress=show,
                )

        self._stop.clear()
        with bar:
            return run_in_thread(work, self._stop)

    def call_status(self, message_id: str) -> CallStatus:
        """Ask how one call stands."""

        async def work() -> CallStatus:
            async with self._client() as client:
                return await client.call_status(message_id)

        return run_in_thread(work, self._stop)

    def wait(self, timeout_seconds: float) -> int:
        """Wait until no accepted call is without its final receipt; return how many still are."""
        until = time.monotonic() + timeout_seconds
        while True:
            with self._store.reading() as connection:
                states = count_states(connection)
            open_calls = states["accepted"] + states["sending"]
            if not open_calls or time.monotonic() > until:
                return open_calls
            time.sleep(_POLL_SECONDS)

    def _check(self, calls: tuple[PlannedCall, ...] | list[PlannedCall]) -> None:
        self._arming.check()
        strangers = sum(not self._arming.allows(call.msisdn) for call in calls)
        if strangers:
            raise NotArmedError(
                (f"{strangers} of {len(calls)} numbers in the allow-list (allow_list, IMILAB_ALLOW_LIST)",)
            )

    def _run(self, calls: list[PlannedCall], pace: Pace, bar: Progress) -> Sender:
        self._stop.clear()

        async def work() -> Sender:
            async with self._client() as client:
                sender = Sender(
                    self._store,
                    client,
                    self._arming,
                    self._options(),
                    pace,
                    self._clock,
                    on_progress=bar.update,
                    stop=self._stop,
                )
                await sender.send(calls)
                return sender

        with SenderLock(self._store.path):
            self._store.write(recover)
            with bar:
                return run_in_thread(work, self._stop)

    def _client(self) -> AsyncPlatformClient:
        settings = self._settings
        if settings.base_url is None or settings.key is None:
            raise NotArmedError(("a base URL (IMILAB_BASE_URL)", "a key (IMILAB_KEY)"))
        return AsyncPlatformClient(
            settings.base_url, settings.key, timeout_seconds=settings.request_timeout_seconds, zone=settings.zone
        )

    def _options(self) -> SendOptions:
        settings = self._settings
        return SendOptions(
            caller_id=settings.caller_id or "",
            notify_url=settings.notify_url,
            notify_url_auth_id=settings.notify_url_auth_id,
            requested_receipts=settings.requested_receipts,
        )
