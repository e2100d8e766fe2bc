"""Eight senders at once, without the lock that lets only one send: the caps alone have to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from imilab.store import STATES
from tests.faults.fault_rig import FaultRig
from tests.faults.races import RACERS

__all__ = ["CAP_RACES", "CapRace", "race_for_a_cap"]

_MANY = {"cap_number_in_flight": 99, "cap_number_per_day": 99}


@dataclass(frozen=True)
class CapRace:
    """One race.

    Attributes
    ----------
    caps : mapping
        The settings.
    campaigns : int
        How many the racers share; each calls every number once.
    most : int
        Calls in all that the caps allow, or calls to each number.
    of_each : bool
        Which of the two.
    numbers : int
        How many there are.
    killed : int
        Racers that die on the way; then fewer calls may be placed.
    receipts : bool
        Whether calls come to an end.
    """

    caps: Mapping[str, int]
    campaigns: int
    most: int
    of_each: bool = False
    numbers: int = 24
    killed: int = 0
    receipts: bool = True
    others: Mapping[str, int] = field(default_factory=lambda: dict(_MANY))


CAP_RACES: Mapping[str, CapRace] = {
    "per campaign": CapRace({"cap_campaign": 13}, campaigns=1, most=13),
    "per campaign, of four": CapRace({"cap_campaign": 7}, campaigns=4, most=28),
    "per campaign, some killed": CapRace({"cap_campaign": 13}, campaigns=1, most=13, killed=3),
    "per day": CapRace({"cap_per_day": 17}, campaigns=8, most=17),
    "per day, some killed": CapRace({"cap_per_day": 17}, campaigns=8, most=17, killed=3),
    "per number and day": CapRace({"cap_number_per_day": 2}, campaigns=8, most=2, of_each=True, numbers=10),
    "per number in flight": CapRace(
        {"cap_number_in_flight": 1}, campaigns=8, most=1, of_each=True, numbers=10, receipts=False
    ),
    "per number in flight, some killed": CapRace(
        {"cap_number_in_flight": 1}, campaigns=8, most=1, of_each=True, numbers=10, receipts=False, killed=3
    ),
}
"""By what is capped."""


def race_for_a_cap(rig: FaultRig, one: CapRace) -> tuple[int, list[str]]:
    """Let eight processes send at once, then one more with its lock; count the calls at the platform.

    Returns
    -------
    placed : int
        How many calls it got.
    findings : list of str
        What was wrong.
    """
    plot = rig.plot(one.numbers, caps={**one.others, **one.caps}, locked=False)
    if not one.receipts:
        plot = replace(plot, job=replace(plot.job, notify_url=""))
    jobs = [replace(plot.job, campaign=f"c{racer % one.campaigns}") for racer in range(RACERS)]
    for place in range(one.killed):
        jobs[place] = replace(jobs[place], kill=("send", 2 + place, "after"))
    ends = rig.processes.run(*jobs)
    ends += [rig.run(plot, locked=True, campaign=f"c{campaign}") for campaign in range(one.campaigns)]
    findings = [f"a racer ended with {end}" for end in ends if not end.killed and "error" in end.told]
    calls = [rig.simulator.calls_placed(number) for number in plot.job.numbers]
    findings += _beyond(one, calls)
    states = dict(plot.store.rows("SELECT state, count(*) FROM requests GROUP BY state"))  # type: ignore[arg-type]  # rows are pairs
    if sum(states.values()) != one.numbers * one.campaigns or not set(states) <= set(STATES):
        findings.append(f"{one.numbers} recipients of {one.campaigns} campaigns are {states}")
    rig.close(plot)
    return sum(calls), findings


def _beyond(one: CapRace, calls: list[int]) -> Iterator[str]:
    """Say where more was placed than is allowed; or less, where nobody was killed and the cap was to be reached."""
    counted = calls if one.of_each else [sum(calls)]
    if max(counted) > one.most or (not one.killed and min(counted) < one.most):
        yield f"calls {counted}, where {one.most} {'each' if one.of_each else 'in all'} are allowed"
    if max(calls) > one.campaigns:
        yield f"a number was called {max(calls)} times by {one.campaigns} campaigns"
