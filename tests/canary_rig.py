"""What any tool could show of an error, a record or a widget; tests look in it for planted secrets and numbers."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from IPython.core.ultratb import VerboseTB
from ipywidgets import Widget
from ipywidgets.widgets import widget as widget_module

import imilab

__all__ = ["LOUD", "records_text", "shown", "widgets_text"]

PACKAGE = str(Path(imilab.__file__).parent)
LOUD = (
    *("", "httpx", "httpcore", "aiohttp", "aiohttp.client", "aiohttp.access", "asyncio", "uvicorn", "uvicorn.error"),
    *("uvicorn.access", "starlette", "imilab", "psycopg", "psycopg.pool", "concurrent.futures", "ipywidgets", "rich"),
)
"""Every logger that could tell of a send."""


def shown(error: BaseException) -> str:
    """Everything that any tool could print about an error and those that led to it, imilab's frames included."""
    everything = [repr(error), str(error), repr(vars(error))]
    cause: BaseException | None = error
    while cause:
        trace = below(cause.__traceback__)
        everything.append(VerboseTB(theme_name="nocolor", include_vars=True).text(type(cause), cause, trace))
        everything.extend(traceback.format_exception(type(cause), cause, trace, chain=False))
        everything.extend(_repr(value) for frame, _ in traceback.walk_tb(trace) for value in frame.f_locals.values())
        cause = cause.__cause__ or cause.__context__
    return "\n".join(everything)


def _repr(value: object) -> str:
    """As a debugger would show it: what is half made may have none."""
    try:
        return repr(value)
    except Exception as problem:  # noqa: BLE001 - a half-made object may raise anything
        return f"<no repr: {type(problem).__name__}>"


def below(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of the test itself, which hold the canaries."""
    while trace and not trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
        trace = trace.tb_next
    return trace


def records_text(records: Iterable[logging.LogRecord]) -> str:
    """Every record with its arguments, and with what led to it where it tells of an error."""
    parts = []
    for record in records:
        parts.append(f"{record.name} {record.getMessage()} {record.__dict__}")
        if record.exc_info and record.exc_info[1]:
            parts.append("".join(traceback.format_exception(record.exc_info[1])))
    return "\n".join(parts)


def widgets_text() -> str:
    """The state of every widget that there is now, as a page or a saved notebook holds it."""
    held: dict[str, Widget] = widget_module._instances
    return json.dumps([one.get_state() for one in held.values()], default=repr, ensure_ascii=False)
