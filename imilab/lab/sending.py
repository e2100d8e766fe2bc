"""The façade's verbs that reach the platform."""

from __future__ import annotations

from dataclasses import replace

from imilab.errors import InvalidInputError, hides_arguments
from imilab.lab.core import LabCore
from imilab.lab_call import Call
from imilab.send import Arm, Plan, ReconcileSummary, SendSummary, planned_call
from imilab.send.quantities import quantity
from imilab.send.summary import SendOptions
from imilab.send.texts import TextTemplate
from imilab.store import PlannedCall
from imilab.terms import Media, Voice
from imilab.wire import CallStatus, MakeCall

__all__ = ["SendingVerbs"]

_LATER_ID = "drawn when the call is sent"
_SLOWEST_PER_SECOND = 1 / 86_400


class SendingVerbs(LabCore):
    """Places calls and asks about them."""

    def go_live(self, calls: int) -> None:
        """Allow this lab to place `calls` real calls within the next fifteen minutes; doing it again starts anew.

        Raises `NotArmedError`, which names every setting that is missing. On the embedded platform it is not needed.
        """
        self.arming.arm(calls)

    @hides_arguments
    def call(self, msisdn: str, content: Voice | Media, text: str | None = None) -> Call:
        """Place one test call.

        Parameters
        ----------
        msisdn : str
            The number, E.164.
        content : Voice or Media
            What is played.
        text : str, optional
            What the voice says; ``{{`` and ``}}`` stand for a brace, as in a plan's text. There is no recipient whose
            fields could fill a placeholder, so it is refused.

        Returns
        -------
        Call
            Already sent; `Call.wait` waits for its receipts.

        Raises
        ------
        InvalidInputError
            Names the field that the platform would refuse.
        NotArmedError
            The real platform may not be dialled.
        SendStoppedError
            The stop file is there, or something else kept it from leaving.
        """
        planned = _test_call(msisdn, content, text, self._new_id())
        self._dispatcher.call(planned)
        return Call(self.store, planned.correlation_id)

    @hides_arguments
    def dry_run(self, msisdn: str, content: Voice | Media, text: str | None = None) -> MakeCall:
        """Return the request that `call` would send, and send nothing; its correlation id is drawn when it is sent.

        Raises
        ------
        InvalidInputError
            Names the field that the platform would refuse.

        Examples
        --------
        >>> import imilab
        >>> with imilab.Lab.simulated() as lab:
        ...     lab.dry_run("+12025550123", imilab.Voice("en-GB-RyanNeural"), "Time for {{lunch}}").text
        'Time for {lunch}'
        """
        return SendOptions.of(self.settings).request(_test_call(msisdn, content, text, _LATER_ID))

    @hides_arguments
    def send(
        self,
        plan: Plan,
        *,
        calls_per_second: float | None = None,
        burst: bool = False,
        progress: bool | None = None,
    ) -> SendSummary:
        """Send what is left of a plan, never a call twice.

        Ctrl-C, `stop`, ``imilab stop`` and the stop file end it within a second: no further call is started, those
        under way are waited for, and the summary says how to go on.

        Parameters
        ----------
        plan : Plan
            Sending it again after an interruption sends the rest; after its end, nothing.
        calls_per_second : float, optional
            Slower than the tenant's limit, on the lab's clock.
        burst : bool
            Use the tenant's burst: half as many calls a second again, 100 at the most, for 30 minutes a day and 8 hours
            a month in all, days and months of the tenant's zone, else UTC. What is used is kept in the store. Once it
            is used up, the limit holds again, and the summary says so.
        progress : bool, optional
            Show a progress bar; by default in a notebook or a terminal.

        Raises
        ------
        NotArmedError
            The real platform may not be dialled, or a number is not on the allow-list.
        SendStoppedError
            The stop file is there.
        StoreLockedError
            Something else is sending from this store.
        """
        if not isinstance(plan, Plan):
            raise InvalidInputError("plan", f"of type {type(plan).__name__}; give what lab.plan(...) returned")
        if calls_per_second is not None:
            calls_per_second = quantity(calls_per_second, "calls_per_second", unit="calls a second")
            if 0 < calls_per_second < _SLOWEST_PER_SECOND:
                raise InvalidInputError("calls_per_second", "slower than a call a day; give lab.plan(..., over=) days")
        return self._dispatcher.send(plan, calls_per_second=calls_per_second, burst=burst, progress=progress)

    def stop(self) -> None:
        """Start no further call in the send that is running, from another thread or a button: within a second."""
        self._dispatcher.stop()

    @hides_arguments
    def reconcile(self, *, older_than_seconds: float = 0.0, progress: bool | None = None) -> ReconcileSummary:
        """Ask the platform about calls without a final receipt, and store what it tells as receipts of source `poll`.

        Calls requested within the last `older_than_seconds` are left out; `progress` is as for `send`. Those never
        asked about come first, so it can be stopped and done again. Where another process sends from this store, it
        raises `StoreLockedError`: the tenant's limit is in use there.
        """
        older_than_seconds = quantity(older_than_seconds, "older_than_seconds", unit="seconds")
        return self._dispatcher.reconcile(older_than_seconds=older_than_seconds, progress=progress)

    @hides_arguments
    def call_status(self, message_id: str) -> CallStatus:
        """Ask the platform how one call stands, as `reconcile` does for all; nothing that it tells is stored."""
        return self._dispatcher.call_status(message_id)

    def wait(self, timeout_seconds: float = 60.0) -> int:
        """Wait, in real seconds, until every accepted call has its final receipt; return how many are still open."""
        return self._dispatcher.wait(quantity(timeout_seconds, "timeout_seconds", unit="seconds"))


def _test_call(msisdn: str, content: Voice | Media, text: str | None, correlation_id: str) -> PlannedCall:
    """Return one call that belongs to no plan, with its text as it is spoken."""
    planned = planned_call(msisdn, Arm(content, text), correlation_id)
    if planned.text is None:
        return planned
    template = TextTemplate(planned.text)
    if template.fields:
        raise InvalidInputError(
            "text", f"holds the placeholder {{{template.fields[0]}}}; write out what this person hears"
        )
    return replace(planned, text=template.fill({}))
