"""The field's words: receipt events, codes and outcomes, Azure voices, and what a call plays."""

from __future__ import annotations

from imilab.terms.code_table import CODES, STATUSES, Code, code_of, codes, event_of
from imilab.terms.content import Media, Voice
from imilab.terms.events import OUTCOMES, Event, Outcome
from imilab.terms.voice_catalogue import voices

__all__ = [
    "CODES",
    "OUTCOMES",
    "STATUSES",
    "Code",
    "Event",
    "Media",
    "Outcome",
    "Voice",
    "code_of",
    "codes",
    "event_of",
    "voices",
]
