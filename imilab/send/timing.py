"""The hours of a plan, and which of its calls ring when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from imilab.errors import InvalidInputError
from imilab.send.arms import Arm
from imilab.send.durations import Duration, duration_ms
from imilab.send.outlook import Outlook
from imilab.send.schedule import Slot, expected_times, schedule
from imilab.store import PlannedCall

__all__ = ["NO_ROOM", "SEND_AT", "Timed", "Timing", "give_times"]

SEND_AT = ("local", "platform")
"""Who waits for a call's time: the sender, or the platform, which gets it as `sendAt`."""

NO_ROOM = "no room in its hours at this pace; give more hours or days, or a longer time to spread them over"

_DEFAULT_SPACING = "1 day"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The hours of a plan.

    Parameters
    ----------
    between, days, zone : str, optional
        For arms without their own; see `imilab.Arm`.
    spacing : timedelta or str, optional
        Least time between two calls to one number; a day in a crossover.
    over : timedelta or str, optional
        For how long the calls are spread, from the first open hour on.
    send_at : {"local", "platform"}
        Who waits for a call's time.

    Raises
    ------
    InvalidInputError
        Something of it cannot be read.
    """

    between: str | None = None
    days: str | None = None
    zone: str | None = None
    spacing: Duration | None = None
    over: Duration | None = None
    send_at: str = "local"

    def __post_init__(self) -> None:
        if self.send_at not in SEND_AT:
            raise InvalidInputError("send_at", f"unknown; give one of {', '.join(SEND_AT)}")
        _ = self.over_ms

    def spacing_ms(self, design: str) -> int | None:
        """Return how far apart calls to one number are in a design; None for no rule."""
        given = _DEFAULT_SPACING if self.spacing is None and design == "crossover" else self.spacing
        return None if given is None else duration_ms(given, "spacing")

    @property
    def over_ms(self) -> int | None:
        """For how long the calls are spread; None for as long as is needed."""
        return None if self.over is None else duration_ms(self.over, "over")


@dataclass(frozen=True)
class Timed:
    """The calls that will be placed.

    Attributes
    ----------
    calls : tuple of PlannedCall
        By position.
    times : tuple of int or None
        When each is to ring, milliseconds UTC.
    recipients : tuple of int
        Whom each goes to.
    crowded : frozenset of int
        Recipients without room for all their calls; none of these is placed.
    """

    calls: tuple[PlannedCall, ...]
    times: tuple[int | None, ...] = ()
    recipients: tuple[int, ...] = ()
    crowded: frozenset[int] = frozenset()


def give_times(
    calls: Sequence[PlannedCall],
    recipient_of: Sequence[int],
    arms: Mapping[str, Arm],
    timing: Timing,
    outlook: Outlook | None,
) -> Timed:
    """Give each call its time, where its plan has hours; else tell when it is expected to ring.

    Parameters
    ----------
    calls : sequence of PlannedCall
        By position.
    recipient_of : sequence of int
        Whom each goes to.
    arms : mapping of str to Arm
        With their hours.
    timing : Timing
        What was asked for.
    outlook : Outlook or None
        The present, the pace and quiet hours; None leaves the calls without times.
    """
    if outlook is None:
        return Timed(tuple(calls), (), tuple(recipient_of))
    zones = [outlook.zones(call.msisdn) if outlook.quiet or call.hours else () for call in calls]
    needed = timing.over_ms or timing.send_at == "platform" or any(call.hours for call in calls)
    last: dict[int, int] = {}
    slots: list[Slot] = []
    for place, (call, recipient) in enumerate(zip(calls, recipient_of, strict=True)):
        slots.append(Slot(zones[place], arms[call.arm or ""].window, last.get(recipient)))
        last[recipient] = place
    if not needed and all(slot.after is None for slot in slots):
        return Timed(tuple(calls), expected_times(zones, outlook), tuple(recipient_of))
    spacing_ms = max((call.spacing_ms or 0 for call in calls), default=0)
    times = schedule(slots, outlook, spacing_ms=spacing_ms, over_ms=timing.over_ms)
    return _placed(calls, recipient_of, times, on_platform=timing.send_at == "platform")


def _placed(
    calls: Sequence[PlannedCall], recipient_of: Sequence[int], times: Sequence[int | None], *, on_platform: bool
) -> Timed:
    together = list(zip(calls, recipient_of, times, strict=True))
    crowded = frozenset(recipient for _, recipient, at_ms in together if at_ms is None)
    kept = [
        (replace(call, send_at_ms=at_ms) if on_platform else replace(call, not_before_ms=at_ms), at_ms, recipient)
        for call, recipient, at_ms in together
        if recipient not in crowded
    ]
    return Timed(
        calls=tuple(call for call, _, _ in kept),
        times=tuple(at_ms for _, at_ms, _ in kept),
        recipients=tuple(recipient for _, _, recipient in kept),
        crowded=crowded,
    )
