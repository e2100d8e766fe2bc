"""The dispatcher: takes plans and single calls to the platform, one sender at a time on a store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from imilab.clock import Clock
from imilab.config import Settings
from imilab.errors import InvalidInputError, NotArmedError, SendStoppedError, StoreError, StoreLockedError
from imilab.progress import make_progress
from imilab.send.asker import Asker
from imilab.send.burst import Burst
from imilab.send.connecting import connect
from imilab.send.guards import Arming
from imilab.send.pace import Pace
from imilab.send.plan import Plan
from imilab.send.reconcile import ReconcileSummary
from imilab.send.rules import CallingRules
from imilab.send.running import Runs, run_in_thread
from imilab.send.sender import Sender
from imilab.send.summary import SendOptions, SendSummary, when_again
from imilab.send.tenant_limit import TenantLimit
from imilab.stop_file import StopFile
from imilab.store import PlannedCall, Store
from imilab.store.journal import add_calls, add_plan, count_states, planned_calls
from imilab.store.stop_mark import check_stop_mark
from imilab.store.unsent import drop_unsent
from imilab.wire import CallStatus

__all__ = ["Dispatcher"]

_POLL_SECONDS = 0.02
_DELIVERY_SECONDS = 10.0
_GRACE_SECONDS = 1.0  # for recording the last answers
_UNSENT = "SELECT msisdn FROM requests WHERE plan_id = ? AND state = 'planned'"
_WAITING = (
    "SELECT count(*) FROM requests WHERE state IN ('accepted', 'sending')"
    " AND coalesce(send_at_ms, requested_at_ms) >= ?"
)


class Dispatcher:
    """Sends from one store to one platform, and asks it.

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
        self._limit = TenantLimit(store, clock, settings.calls_per_second)
        self._pace = self._limit.pace
        self._stop_file = StopFile.beside(settings.store, settings.stop_file)
        self._runs = Runs()
        self._asker = Asker(store, settings, clock, self._limit, self._runs)

    def refusal_now(self) -> Callable[[str], str | None]:
        """Read the do-not-call list again, and return what tells why a number may never be called."""
        self._rules.refresh()
        return self._rules.refusal

    def stop(self) -> None:
        """Start no further call, and ask no further question, in what is running."""
        self._runs.stop()

    def close(self) -> None:
        """Stop, and wait until the requests under way are answered or have timed out."""
        self._runs.end(self._settings.request_timeout_seconds + _GRACE_SECONDS)

    def call(self, planned: PlannedCall) -> None:
        """Place one call now.

        Raises
        ------
        NotArmedError
            It may not be placed.
        SendStoppedError
            It did not leave, and says why. Nothing of it is kept.
        """
        self._check([planned.msisdn])
        if reason := self.refusal_now()(planned.msisdn):
            raise InvalidInputError("msisdn", reason)
        now_ms, caller_id, key = self._clock.now_ms(), self._settings.caller_id, self._store.number_key

        def record() -> list[PlannedCall]:
            self._store.write(lambda connection: add_calls(connection, [planned], caller_id, key, now_ms))
            return [planned]

        unsent: str | None = "its sending was broken off"
        try:
            unsent = _why_not_placed(self._send(record, self._pace, "", progress=False))
        finally:
            if unsent:
                with contextlib.suppress(StoreError):
                    self._store.write(partial(drop_unsent, correlation_id=planned.correlation_id))
        if unsent:
            raise SendStoppedError(f"the call was not placed: {unsent}")

    def send(
        self, plan: Plan, *, calls_per_second: float | None = None, burst: bool = False, progress: bool | None = None
    ) -> SendSummary:
        """Send what is left of a plan; see `Lab.send`."""
        slower = calls_per_second is not None and not calls_per_second >= self._settings.calls_per_second
        if slower and burst:
            raise InvalidInputError("burst", "a pace below the tenant's limit needs none; leave out one of the two")
        pace = Pace(calls_per_second or 0.0, self._clock, within=self._pace) if slower else self._pace
        states = self._states_of(plan)
        is_known = any(states.values())
        if is_known and not states["planned"] and not states["sending"]:
            return SendSummary(campaign=plan.campaign, sent=0, states=states, seconds=0.0)
        if states["planned"] or not is_known:
            self._check(self._unsent_numbers(plan) if is_known else [call.msisdn for call in plan.calls])
        started = time.monotonic()
        extra = self._burst() if burst else None
        sender = self._send(
            lambda: self._left_of(plan), pace, plan.campaign, progress=progress, burst=extra, returns_when_stopped=True
        )
        return SendSummary(
            campaign=plan.campaign,
            sent=sender.sent,
            states=self._states_of(plan),
            seconds=time.monotonic() - started,
            stopped=sender.stopped,
            held=dict(sender.held),
            refused=dict(sender.refused),
            next_ms=sender.next_ms,
            burst=str(extra) if extra else None,
        )

    def reconcile(self, *, older_than_seconds: float, progress: bool | None) -> ReconcileSummary:
        """Ask about open calls; see `Lab.reconcile`."""
        return self._asker.reconcile(older_than_seconds=older_than_seconds, progress=progress)

    def call_status(self, message_id: str) -> CallStatus:
        """Ask how one call stands; see `Lab.call_status`."""
        return self._asker.call_status(message_id)

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

    def _check(self, numbers: Sequence[str]) -> None:
        self._arming.check()
        strangers = sum(not self._arming.allows(msisdn) for msisdn in numbers)
        if strangers:
            raise NotArmedError(
                (f"{strangers} of {len(numbers)} numbers in the allow-list (allow_list, IMILAB_ALLOW_LIST)",)
            )

    def _states_of(self, plan: Plan) -> dict[str, int]:
        """Count a plan's calls by state, once what a dead sender left is named; none where it was never sent."""
        with self._store.reading() as connection:
            states = count_states(connection, plan.plan_id)
        if not states["sending"]:
            return states
        with contextlib.suppress(StoreLockedError), self._limit.to_send():
            pass
        with self._store.reading() as connection:
            return count_states(connection, plan.plan_id)

    def _unsent_numbers(self, plan: Plan) -> list[str]:
        return [msisdn for (msisdn,) in self._store.rows(_UNSENT, (plan.plan_id,))]

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
        with self._runs.one() as stop, self._limit.to_send():
            self._rules.refresh()
            calls = record()
            bar = make_progress(title, len(calls), show=progress, stop=self.stop)

            async def work() -> Sender:
                async with connect(self._settings) as client:
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
            if burst:
                burst.end()


def _why_not_placed(sender: Sender) -> str | None:
    """Say why its one call was not placed, or return None where it was, or may have been."""
    if sender.stopped and not sender.sent:
        return sender.stopped
    if waits := "; ".join(sender.held):
        return f"{waits}; {when_again(sender.next_ms)}"
    return "; ".join(sender.refused) or None
