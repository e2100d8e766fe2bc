"""The column of arms: what it may be, and in which order its values stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imilab.counting import RESULT_COLUMNS
from imilab.errors import InvalidInputError

__all__ = ["check_arm", "order_arms", "sorted_values"]


def check_arm(arm: object) -> None:
    """Refuse what is no column's name, and columns that say what became of a call.

    Raises
    ------
    InvalidInputError
        It is one of these.
    """
    if not isinstance(arm, str):
        raise InvalidInputError("arm", f"{arm!r} is no column's name")
    if arm in RESULT_COLUMNS or arm == "outcome":
        raise InvalidInputError("arm", f"{arm!r} is what became of a call; take something chosen before it")


def sorted_values(values: Iterable[Any]) -> list[Any]:
    """Sort values that may be of several types.

    Examples
    --------
    >>> sorted_values(["b", 2, "a", 1])
    [1, 2, 'a', 'b']
    """
    return sorted(values, key=lambda value: (type(value).__name__, value))


def order_arms(values: Iterable[Any], arm: str, baseline: object, *, fewest: int = 2) -> list[Any]:
    """Put the baseline first, the others in sorted order; the first in sorted order is the default baseline.

    Raises
    ------
    InvalidInputError
        There are fewer than `fewest` arms, or the baseline is none of them.
    """
    arms = sorted_values(values)
    listed = ", ".join(map(repr, arms)) or "none"
    if len(arms) < fewest:
        raise InvalidInputError("arm", f"{fewest} or more arms with calls are needed; in {arm!r} there is: {listed}")
    chosen = arms[0] if baseline is None else baseline
    if chosen not in arms:
        raise InvalidInputError("baseline", f"{baseline!r} is no arm; in {arm!r} there is: {listed}")
    return [chosen, *(value for value in arms if value != chosen)]
