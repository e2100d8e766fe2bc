"""Errors without the frames that led to them: their local variables hold keys, numbers and bodies."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["hides_arguments", "without_frames"]

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")
P = ParamSpec("P")


def without_frames(error: E) -> E:
    """Drop from an error the frames and errors that led to it, and return it.

    A notebook's verbose traceback prints the local variables of every frame. Raise the error again outside of the
    `except` clause, from a frame that holds none.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def hides_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function raise whatever it raises without what it was called with in a verbose traceback.

    Of an error that imilab does not raise on purpose, a note keeps in which files and lines it came about.
    """

    @wraps(function)
    def hidden(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as problem:  # noqa: BLE001 - also a wrong keyword or a defect: it is raised again below
            _note_places(problem)
            failure = without_frames(problem)
        del args, kwargs
        raise failure

    return hidden


def _note_places(problem: BaseException) -> None:
    places = traceback.extract_tb(problem.__traceback__)[1:]
    if places and isinstance(problem, Exception) and not type(problem).__module__.startswith("imilab."):
        told = "".join(f"\n  {place.filename}:{place.lineno} in {place.name}" for place in places)
        problem.add_note(f"raised below, most recent last; variables are left out, as they may hold numbers:{told}")
