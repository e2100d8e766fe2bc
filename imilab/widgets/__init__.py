"""Panels for JupyterLab and Voila: a form that places a test call, an explorer of calls."""

from __future__ import annotations

from imilab.widgets.call_form import CallForm
from imilab.widgets.explorer import Explorer

__all__ = ["CallForm", "Explorer"]
