"""The controls of a call form and where they stand; what they do is the form's."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw

from imilab.widgets.call_state import GENDERS, CallState
from imilab.widgets.style import above, row, style_sheet

__all__ = ["CallControls"]


class CallControls:
    """The controls of a call form.

    Parameters
    ----------
    state : CallState
        What they show first.
    real : bool
        Whether sending makes a phone ring; the button then says so.

    Attributes
    ----------
    language, gender, voice : Dropdown
        The voice picker.
    text : Textarea
        What the voice says.
    number : Text
        The number; tells its value when it is left.
    dry_run, send, stop : Button
        What can be done.
    banner, counter, note, message, status : HTML
        What is shown.
    """

    def __init__(self, state: CallState, *, real: bool) -> None:
        self.language = above(ipw.Dropdown(options=state.languages(), value=state.language), "Language", "260px")
        self.gender = above(ipw.Dropdown(options=GENDERS, value=state.gender), "Gender", "110px")
        self.voice = above(ipw.Dropdown(options=state.voices(), value=state.voice), "Voice", "340px")
        self.text = above(ipw.Textarea(value=state.text, placeholder="What the voice says", rows=4), "Text", "auto")
        self.number = above(
            ipw.Text(placeholder="+ country code and number", continuous_update=False), "Number to call", "260px"
        )
        self.dry_run = ipw.Button(description="Dry run", tooltip="Show what would be sent; nothing is sent")
        self.send = ipw.Button(
            description="Make a real call" if real else "Send call", button_style="danger" if real else "primary"
        )
        self.stop = ipw.Button(description="Stop watching", tooltip="The call goes on; its events are shown no longer")
        self.banner, self.counter, self.note, self.message, self.status = (ipw.HTML() for _ in range(5))
        for name in ("dry_run", "send", "stop", "banner", "counter", "note", "message", "status"):
            getattr(self, name).add_class(f"imilab-call-{name.replace('_', '-')}")

    def rows(self) -> list[Any]:
        """Return the controls from top to bottom."""
        return [
            style_sheet(),
            self.banner,
            row(self.language, self.gender, self.voice),
            ipw.VBox([self.text, self.counter]),
            ipw.VBox([self.number, self.note]),
            row(self.dry_run, self.send, self.stop, kind="actions"),
            self.message,
            self.status,
        ]
