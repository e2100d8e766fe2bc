"""One call from a form: sent and watched in a thread of its own, told step by step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from imilab.errors import ImilabError
from imilab.terms import Voice
from imilab.widgets.call_outcome import event_words, outcome_words
from imilab.widgets.call_state import problem_words
from imilab.widgets.lab_protocol import CallingLab, PlacedCall

__all__ = ["CallProgress", "CallRun", "Step"]

_POLL_SECONDS, _LATE_POLL_SECONDS = 0.1, 0.5
_LATE_SECONDS = 60.0  # receipts may come out of order: events from before the final one are still shown


@dataclass(frozen=True)
class Step:
    """One event: seconds since the first one, and what it means."""

    seconds: float
    words: str


@dataclass(frozen=True)
class CallProgress:
    """What is known about a call.

    Attributes
    ----------
    number, voice : str
        Whom it goes to (masked) and who speaks.
    now : str
        What is going on.
    steps : tuple of Step
        The events so far.
    outcome : str
        What became of it so far; empty while nothing is decided.
    problem : str
        Why it failed or is not watched any longer; empty where nothing went wrong.
    over : bool
        Whether the next call may be sent.
    """

    number: str
    voice: str
    now: str = "Sending the request."
    steps: tuple[Step, ...] = ()
    outcome: str = ""
    problem: str = ""
    over: bool = False


class CallRun:
    """Sends one call and watches its events.

    Parameters
    ----------
    lab : CallingLab
        Where the call is placed.
    progress : CallProgress
        Whom it goes to, and who speaks.
    tell : callable
        Gets this run at every change, in the thread that watches.
    patience_seconds : float
        How long, in real time, to wait for the final event.

    Attributes
    ----------
    progress : CallProgress
        What is known now.
    """

    def __init__(
        self,
        lab: CallingLab,
        progress: CallProgress,
        tell: Callable[[CallRun], None],
        *,
        patience_seconds: float,
    ) -> None:
        self.progress = progress
        self._lab = lab
        self._tell = tell
        self._patience_seconds = patience_seconds
        self._stopped, self._over = threading.Event(), threading.Event()
        self._seen: tuple[int, str] | None = None

    def start(self, msisdn: str, content: Voice, text: str) -> None:
        """Send the call; returns at once."""
        self._tell(self)
        threading.Thread(target=self._run, args=(msisdn, content, text), name="imilab-call-form", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer. The call itself goes on."""
        self._stopped.set()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the call is over, or no longer watched; say whether it is."""
        return self._over.wait(timeout_seconds)

    def _run(self, msisdn: str, content: Voice, text: str) -> None:
        try:
            self._watch(self._lab.call(msisdn, content, text))
        except ImilabError as problem:
            self._fail(problem_words(problem))
        except Exception as problem:  # noqa: BLE001 - a thread has nobody to raise to: the form must say it
            self._fail(
                f"Something failed that should not ({type(problem).__name__}). "
                "The call may have been placed; look at lab.calls() before you send it again."
            )
        finally:
            self._over.set()

    def _watch(self, call: PlacedCall) -> None:
        """Tell every change until the call is over, and for a while after it."""
        until = time.monotonic() + self._patience_seconds
        while time.monotonic() < until:
            over, timeline = call.over, call.timeline()  # in this order: events before the end are not missed
            self._note(call, timeline, over=over or self.progress.over)
            if over and not self._over.is_set():
                self._over.set()
                until = time.monotonic() + _LATE_SECONDS
            if self._stopped.wait(_LATE_POLL_SECONDS if over else _POLL_SECONDS):
                break
        how = "You stopped watching" if self._stopped.is_set() else "No final receipt has come yet"
        self._fail(f"{how}. The call may still be going on; lab.calls() shows what became of it.")

    def _note(self, call: PlacedCall, timeline: pd.DataFrame, *, over: bool) -> None:
        seen = (len(timeline), "over" if over else call.state)
        if seen == self._seen:
            return
        self._seen = seen
        rows = timeline[["seconds", "event", "status", "code"]].itertuples(index=False)
        steps = tuple(Step(float(row[0]), event_words(*(str(value) for value in row[1:]))) for row in rows)
        now = "" if over else "Under way." if steps else "The request is with the platform; no event has come yet."
        self._set(replace(self.progress, now=now, steps=steps, outcome=outcome_words(call, timeline), over=over))

    def _fail(self, words: str) -> None:
        if not self.progress.over:  # what fails while late receipts are waited for is no news
            self._set(replace(self.progress, now="", problem=words, over=True))

    def _set(self, progress: CallProgress) -> None:
        self.progress = progress
        self._tell(self)
