"""A form that places one test call and shows, live, what becomes of it."""

from __future__ import annotations

import ipywidgets as ipw

from imilab.errors import ImilabError
from imilab.widgets import call_html
from imilab.widgets.call_controls import CallControls
from imilab.widgets.call_run import CallProgress, CallRun
from imilab.widgets.call_state import CallState, problem_words
from imilab.widgets.lab_protocol import CallingLab

__all__ = ["CallForm"]


class CallForm(ipw.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """A form for one test call: voice, text, number; dry run, send, and the call's events as they come.

    The number is masked when its field is left and forgotten when the call is sent: neither the widget's state nor a
    saved notebook holds it. Sending runs in a thread, so that the notebook stays usable.

    Parameters
    ----------
    lab : Lab
        Where the call is placed. On the real platform the form says so, and what is still needed before a phone rings.
    voice : str
        The voice to begin with: a name in `imilab.voices`.
    text : str
        The text to begin with.
    patience_seconds : float
        How long, in real time, to wait for a call's final event before the next call may be sent.

    Attributes
    ----------
    state : CallState
        What is chosen and typed.
    controls : CallControls
        The widgets by name, for layouts of your own.

    Raises
    ------
    InvalidInputError
        The catalogue has no such voice.

    Examples
    --------
    >>> import imilab
    >>> with imilab.Lab.simulated() as lab:
    ...     CallForm(lab, text="Time for lunch")
    CallForm(voice='en-GB-RyanNeural')
    """

    def __init__(
        self, lab: CallingLab, *, voice: str = "en-GB-RyanNeural", text: str = "", patience_seconds: float = 180.0
    ) -> None:
        self.state = CallState.starting_with(voice, text)
        self._lab = lab
        self._patience_seconds = patience_seconds
        self._call: CallRun | None = None
        self.controls = CallControls(self.state, real=not lab.is_simulated)
        super().__init__(self.controls.rows())
        self.add_class("imilab-panel").add_class("imilab-form")
        self._show_inputs()
        self._show_busy()
        self._connect()

    def wait(self, timeout_seconds: float = 60.0) -> bool:
        """Wait until the call under way is over or no longer watched.

        Parameters
        ----------
        timeout_seconds : float
            Real seconds.

        Returns
        -------
        bool
            Whether no call is under way any more.
        """
        return self._call is None or self._call.wait(timeout_seconds)

    def close(self) -> None:
        """Watch no longer and remove the form. A call that was sent goes on."""
        self._on_stop()
        super().close()

    def __repr__(self) -> str:
        return f"CallForm(voice={self.state.voice!r})"

    def _connect(self) -> None:
        controls = self.controls
        for control, act in (
            (controls.language, self._on_filter),
            (controls.gender, self._on_filter),
            (controls.voice, self._on_voice),
            (controls.text, self._on_text),
            (controls.number, self._on_number),
        ):
            control.observe(act, "value")
        controls.dry_run.on_click(self._on_dry_run)
        controls.send.on_click(self._on_send)
        controls.stop.on_click(self._on_stop)

    def _on_filter(self, _change: object) -> None:
        self.state.filter_voices(self.controls.language.value, self.controls.gender.value)
        self._show_voices()

    def _on_voice(self, _change: object) -> None:
        self.state.voice = self.controls.voice.value

    def _on_text(self, _change: object) -> None:
        self.state.text = self.controls.text.value
        self._show_inputs()

    def _on_number(self, _change: object) -> None:
        self.state.enter_number(self.controls.number.value)
        self._show_inputs()

    def _on_dry_run(self, _button: object) -> None:
        try:
            self.controls.message.value = call_html.dry_run_html(self.state.dry_run(self._lab))
        except ImilabError as problem:
            self.controls.message.value = call_html.problem_html(problem_words(problem))

    def _on_send(self, _button: object) -> None:
        if self._busy:
            return
        try:
            self.state.check(self._lab)
        except ImilabError as problem:
            self.controls.message.value = call_html.problem_html(problem_words(problem))
            return
        self._on_stop()
        content, text = self.state.content(), self.state.text
        progress = CallProgress(number=self.state.number_shown, voice=content.name)
        self._call = CallRun(self._lab, progress, self._tell, patience_seconds=self._patience_seconds)
        self._call.start(self.state.take_number(), content, text)
        self.controls.message.value = ""
        self._show_inputs()

    def _on_stop(self, _button: object = None) -> None:
        if self._call:
            self._call.stop()

    @property
    def _busy(self) -> bool:
        return self._call is not None and not self._call.progress.over

    def _tell(self, run: CallRun) -> None:
        """Show a call's progress; called in the thread that watches it."""
        if run is self._call:
            self.controls.status.value = call_html.progress_html(run.progress)
            self._show_busy()

    def _show_voices(self) -> None:
        chosen = self.state.voice
        self.controls.voice.options = self.state.voices()  # this chooses the first
        self.controls.voice.value = chosen

    def _show_inputs(self) -> None:
        """Show what follows from what was typed; the number's field keeps the mask only."""
        self.controls.number.value = self.state.number_shown
        self.controls.counter.value = call_html.counter_html(self.state)
        self.controls.note.value = call_html.number_html(self.state)
        self.controls.banner.value = call_html.banner_html(self._lab)

    def _show_busy(self) -> None:
        self.controls.send.disabled = self._busy
        self.controls.stop.layout.display = "" if self._busy else "none"
        self.controls.banner.value = call_html.banner_html(self._lab)
