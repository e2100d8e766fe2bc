"""When each call of a plan rings: spread over its hours, outside of quiet ones, at the tenant's pace. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imilab.send.local_hours import DAY_MS, Span
from imilab.send.outlook import Outlook
from imilab.send.windows import Window, spread

__all__ = ["NAME_ITS_ZONE", "Slot", "expected_times", "first_open", "never_open", "schedule"]

NAME_ITS_ZONE = "where you know its zone, name it in country_zones (IMILAB_COUNTRY_ZONES)"
"""The way out where the zones that a number may be in share no open hour."""

_MORE_DAYS = (0, 1, 2, 3, 4, 5, 6, 13, 27)
_LOOK_AHEAD_DAYS = (1, 2, 4, 8, 31)
_OPEN = tuple[tuple[str, ...], Window | None]


@dataclass(frozen=True, slots=True)
class Slot:
    """One call that needs a time.

    Attributes
    ----------
    zones : tuple of str
        In which its phone may be.
    window : Window or None
        In which it may ring; None for any hour that is not quiet.
    after : int or None
        The place of the call to the same number that comes before it.
    """

    zones: tuple[str, ...]
    window: Window | None = None
    after: int | None = None


def schedule(
    slots: Sequence[Slot], outlook: Outlook, *, spacing_ms: int = 0, over_ms: int | None = None
) -> tuple[int | None, ...]:
    """Give each call its time.

    Calls with the same hours are spread evenly over them, in the order given. They begin with the first hour that is
    open, and last a day, so that each hour of the windows comes once, and the spacing besides for every further call
    of a number. Where that leaves some without room, another day is added, and so on up to four weeks. Without
    windows they begin at once and follow each other at the pace.

    Parameters
    ----------
    slots : sequence of Slot
        In the order of the plan.
    outlook : Outlook
        The present, quiet hours, and the pace, which is the least time between two calls.
    spacing_ms : int
        Least time between two calls to one number.
    over_ms : int, optional
        For how long to spread them, instead of a day and what it needs.

    Returns
    -------
    tuple of int or None
        Milliseconds UTC; None for a call that has no room.

    Examples
    --------
    >>> monday = 1772442000000                                              # 2 March 2026, 09:00 UTC
    >>> morning, evening = (Window(hours, zone="UTC") for hours in ("09:00-12:00", "17:00-20:00"))
    >>> times = schedule([Slot((), morning), Slot((), evening)] * 2, Outlook(now_ms=monday))
    >>> [(time - monday) / 3_600_000 for time in times]
    [0.0, 8.0, 1.5, 9.5]
    """
    kinds = {(slot.zones, slot.window) for slot in slots}
    begins = [begin for zones, window in kinds if (begin := first_open(window, zones, outlook)) is not None]
    if not begins:
        return (None,) * len(slots)
    start_ms, base_ms = min(begins), over_ms or _base_ms(slots, outlook.gap_ms, spacing_ms)
    best: tuple[int | None, ...] | None = None
    for more in _MORE_DAYS if over_ms is None else (0,):
        until_ms = start_ms + base_ms + more * DAY_MS
        spans = {kind: outlook.open_spans(kind[1], kind[0], start_ms, until_ms) for kind in kinds}
        times = spread(
            [spans[slot.zones, slot.window] for slot in slots],
            gap_ms=outlook.gap_ms,
            after=[slot.after for slot in slots],
            spacing_ms=spacing_ms,
        )
        if best is None or times.count(None) < best.count(None):
            best = times
        if None not in best:
            break
    return best or ()


def _base_ms(slots: Sequence[Slot], gap_ms: int, spacing_ms: int) -> int:
    calls_before = [0] * len(slots)
    for place, slot in enumerate(slots):
        calls_before[place] = 0 if slot.after is None else calls_before[slot.after] + 1
    windows = any(slot.window for slot in slots)
    return (DAY_MS if windows else (len(slots) + 1) * gap_ms) + max(calls_before, default=0) * spacing_ms


def expected_times(zones: Sequence[tuple[str, ...]], outlook: Outlook) -> tuple[int | None, ...]:
    """Return when calls without hours of their own would ring if they were sent now: at the pace, quiet hours apart.

    Parameters
    ----------
    zones : sequence of tuple of str
        For each call, in their order, the zones in which its phone may be.
    outlook : Outlook
        The present, the pace and quiet hours.

    Returns
    -------
    tuple of int or None
        Milliseconds UTC; None for a phone that may ring at no hour within 31 days.
    """
    if outlook.quiet is None:
        return tuple(outlook.now_ms + int(number * outlook.turn_ms) for number in range(len(zones)))
    until_ms = outlook.now_ms + len(zones) * outlook.gap_ms + _LOOK_AHEAD_DAYS[-1] * DAY_MS
    open_in = {one: outlook.open_spans(None, one, outlook.now_ms, until_ms) for one in set(zones)}
    opens = {one: _next_open(spans, outlook.now_ms) for one, spans in open_in.items()}
    waiting = sorted((begin, place) for place, one in enumerate(zones) if (begin := opens[one]) is not None)
    times: list[int | None] = [None] * len(zones)
    free_ms = float(outlook.now_ms)
    for begin, place in waiting:
        at_ms = _next_open(open_in[zones[place]], max(begin, int(free_ms)))
        if at_ms is not None:
            times[place], free_ms = at_ms, max(at_ms, free_ms) + outlook.turn_ms
    return tuple(times)


def _next_open(spans: Sequence[Span], at_ms: int) -> int | None:
    place = bisect_right(spans, at_ms, key=lambda span: span[1])
    return max(at_ms, spans[place][0]) if place < len(spans) else None


def first_open(window: Window | None, zones: tuple[str, ...], outlook: Outlook) -> int | None:
    """Return the first moment from now on at which a phone in some zones may ring; None where none is in 31 days."""
    for days in _LOOK_AHEAD_DAYS:
        spans = outlook.open_spans(window, zones, outlook.now_ms, outlook.now_ms + days * DAY_MS)
        if spans:
            return spans[0][0]
    return None


def never_open(outlook: Outlook) -> Callable[[str, Window | None, tuple[str, ...]], str | None]:
    """Return what tells why a phone in some zones may ring in an arm's hours never, or None; it remembers answers."""
    known: dict[_OPEN, bool] = {}

    def reason(arm: str, window: Window | None, zones: tuple[str, ...]) -> str | None:
        if window is None and outlook.quiet is None:
            return None
        needs_zone = outlook.quiet is not None or (window is not None and window.zone is None)
        if needs_zone and not zones:
            return "its zone is unknown, so neither quiet hours nor hours of its own clock can be kept"
        kind = zones, window
        if kind not in known:
            known[kind] = first_open(window, zones, outlook) is not None
        if known[kind]:
            return None
        among = f" in all {len(zones)} zones that it may be in" if len(zones) > 1 else ""
        way_out = f"; {NAME_ITS_ZONE}" if among else ""
        hours = f"the hours of arm {arm!r} ({window.to_text()})" if window else "calls"
        return f"no hour within 31 days is open for {hours}{among}, outside of quiet hours{way_out}"

    return reason
