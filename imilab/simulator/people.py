"""The seeded model of people: who answers and when, how long a phone rings, how long a person listens.

Whether a person answers depends on the number and the local hour, never on what will be heard. How long a person
listens depends on the number, the voice and the text. So a voice truly moves `completed` and `early_hangup` and truly
does not move the first pick-up, and both differences are known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from zoneinfo import ZoneInfo

from imilab.errors import InvalidInputError
from imilab.simulator.draws import Draws
from imilab.simulator.listening import Listening, Message
from imilab.simulator.settings import SimulatorSettings
from imilab.terms import Media, Outcome, Voice

__all__ = ["DAYTIME_HOURS", "Fate", "People"]

DAYTIME_HOURS = range(9, 21)
"""Local hours that the true rates are averaged over by default."""

_NORMAL = NormalDist()
_GRID = tuple(step / 16 for step in range(-128, 129))
_LISTENING = ("completed", "early_hangup")
_QUEUE_FACTORS = {1: 2.0, 2: 1.0, 3: 0.5}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one call.

    Attributes
    ----------
    outcome : str
        A value of `imilab.terms.Outcome`, or ``unknown`` for a rejection with an undocumented code.
    queue_seconds, setup_seconds, ring_seconds : float
        From the request (or its `sendAt`) to offered, to accepted, and to the answer or the end.
    talk_seconds : float
        From the answer to the end; 0 for a call that is not answered.
    end : str
        Of an answered call: ``disconnected`` (the person hung up), ``released`` (heard to the end) or ``transferred``.
    """

    outcome: str
    queue_seconds: float
    setup_seconds: float
    ring_seconds: float
    talk_seconds: float = 0.0
    end: str = ""


class People:
    """Everybody who can be called.

    Parameters
    ----------
    settings : SimulatorSettings
        Its seed, its ring timeout and its people.
    draws : Draws, optional
        The source of chance; by default one of the settings' seed.

    Attributes
    ----------
    listening : Listening
        How long people listen.

    Examples
    --------
    >>> from imilab.simulator.settings import PeopleSettings
    >>> people = People(SimulatorSettings(people=PeopleSettings(voice_effects={"RyanNeural": 0.0, "SoniaNeural": 0.4})))
    >>> pair = {"voice": "en-GB-SoniaNeural", "baseline": "en-GB-RyanNeural", "text": "Your table is booked for eight."}
    >>> f"{100 * people.true_difference('completed', **pair):+.1f} points"
    '-4.5 points'
    >>> people.true_difference("answered", **pair)
    0.0
    """

    def __init__(self, settings: SimulatorSettings, draws: Draws | None = None) -> None:
        self._settings = settings.people
        self._draws = draws or Draws(settings.seed)
        self._ring_timeout = settings.ring_timeout_seconds
        self._zone = ZoneInfo(settings.people.zone)
        self.listening = Listening(settings.people, self._draws)

    def answer_probability(self, msisdn: str, hour: int) -> float:
        """Return the chance that a number answers in a local hour, 0 to 23."""
        inclination = self._settings.number_spread * self._draws.normal("number", msisdn)
        return _logistic(self._settings.answer_log_odds + self._settings.hour_effects[hour] + inclination)

    def draw(
        self,
        msisdn: str,
        correlation_id: str,
        start_ms: int,
        message: Message,
        *,
        priority: int | None = None,
        outcome: str | None = None,
    ) -> Fate:
        """Return what becomes of a call.

        It depends on the seed, the arguments and nothing else: not on the order of the calls, nor on other calls.

        Parameters
        ----------
        msisdn, correlation_id : str
            The call. The same call again, in the same hour, has the same fate.
        start_ms : int
            When the platform starts on it, in milliseconds UTC; only its local hour counts.
        message : Message
            What the person hears after answering.
        priority : int, optional
            1 doubles the time in the queue, 3 halves it.
        outcome : str, optional
            Forces this outcome; the times are still drawn.
        """
        draws = self._draws.uniforms("call", msisdn, correlation_id)
        if outcome is None:
            hour = datetime.fromtimestamp(start_ms / 1000, self._zone).hour
            answers = draws[0] < self.answer_probability(msisdn, hour)
            outcome = Outcome.ANSWERED.value if answers else self._unanswered(draws[1])
        queue = (0.1 + 0.4 * draws[4]) * _QUEUE_FACTORS.get(priority or 2, 1.0)
        setup = 0.2 + 0.8 * draws[5]
        ring = self._ring_seconds(outcome, draws[2])
        if outcome != Outcome.ANSWERED:
            return Fate(outcome, queue, setup, ring)
        listened = self.listening.seconds(msisdn, message, draws[3])
        if listened < message.seconds:
            return Fate(outcome, queue, setup, ring, listened, "disconnected")
        return Fate(outcome, queue, setup, ring, message.seconds, "released")

    def true_rate(
        self,
        outcome: str,
        voice: Voice | Media | str | None = None,
        text: str | None = None,
        hours: Iterable[int] | Mapping[int, float] = DAYTIME_HOURS,
        *,
        early_hangup_seconds: float = 5.0,
    ) -> float:
        """Return the rate that calls to numbers picked at random converge to, as a share of all placed calls.

        Parameters
        ----------
        outcome : str
            answered, busy, no_answer, rejected, dropped, completed or early_hangup.
        voice : Voice, Media or str, optional
            Needed for completed and early_hangup; the others do not depend on it.
        text : str, optional
            What the voice speaks.
        hours : iterable of int, or mapping of int to float
            Local hours of the calls, with equal weights or the given ones.
        early_hangup_seconds : float
            A person who hangs up within this time hung up early.

        Returns
        -------
        float
            Between 0 and 1. The integral over the numbers' inclination is a sum on a grid of 257 points, exact to about
            ten digits; the rest is a closed formula.

        Raises
        ------
        InvalidInputError
            The outcome is none of these, a voice is missing, or there is no hour.
        """
        answered = self._mean_answer_probability(hours)
        shares = self._settings.unanswered_shares
        if outcome == Outcome.ANSWERED:
            return answered
        if outcome in shares:
            return (1 - answered) * shares[outcome]
        if outcome not in _LISTENING:
            known = ", ".join(("answered", *shares, *_LISTENING))
            raise InvalidInputError("outcome", f"{outcome!r} has no true rate; give one of {known}")
        if voice is None:
            raise InvalidInputError("voice", f"is needed for {outcome}; give a Voice, its name or a Media")
        message = self.listening.message(voice, text)
        if outcome == "completed":
            return answered * self.listening.share_still_there(message, message.seconds)
        heard = min(early_hangup_seconds, message.seconds)
        return answered * (1 - self.listening.share_still_there(message, heard))

    def true_difference(
        self,
        outcome: str,
        *,
        voice: Voice | Media | str,
        baseline: Voice | Media | str,
        text: str | None = None,
        baseline_text: str | None = None,
        hours: Iterable[int] | Mapping[int, float] = DAYTIME_HOURS,
        early_hangup_seconds: float = 5.0,
    ) -> float:
        """Return the true rate of `voice` less that of `baseline`, as a fraction; see `true_rate`.

        `baseline_text` is `text` where it is not given.
        """
        hours = dict(hours) if isinstance(hours, Mapping) else tuple(hours)
        other = text if baseline_text is None else baseline_text
        ours = self.true_rate(outcome, voice, text, hours, early_hangup_seconds=early_hangup_seconds)
        return ours - self.true_rate(outcome, baseline, other, hours, early_hangup_seconds=early_hangup_seconds)

    def _mean_answer_probability(self, hours: Iterable[int] | Mapping[int, float]) -> float:
        weights = dict(hours) if isinstance(hours, Mapping) else dict.fromkeys(hours, 1.0)
        total = sum(weights.values())
        if not total > 0 or not set(weights) <= set(range(24)) or min(weights.values()) < 0:
            raise InvalidInputError("hours", "give local hours from 0 to 23, at least one")
        return sum(weight * self._mean_over_numbers(hour) for hour, weight in weights.items()) / total

    def _mean_over_numbers(self, hour: int) -> float:
        # The trapezoid rule converges faster than any power of the step for a smooth function times a normal density.
        base = self._settings.answer_log_odds + self._settings.hour_effects[hour]
        spread = self._settings.number_spread
        return math.fsum(_NORMAL.pdf(z) * _logistic(base + spread * z) for z in _GRID) * (_GRID[1] - _GRID[0])

    def _unanswered(self, draw: float) -> str:
        reached = 0.0
        for outcome, share in self._settings.unanswered_shares.items():
            reached += share
            if draw < reached:
                return outcome
        return Outcome.NO_ANSWER.value

    def _ring_seconds(self, outcome: str, draw: float) -> float:
        longest, median, spread = self._ring_timeout, self._settings.ring_median_seconds, self._settings.ring_spread
        if outcome == Outcome.NO_ANSWER:
            return longest
        if outcome == Outcome.BUSY:
            return min(longest, 0.5 + 2 * draw)
        if outcome != Outcome.ANSWERED:
            return min(longest, 1 + 11 * draw)
        if spread == 0:
            return min(longest, median)
        # A log-normal ring time, cut off where the platform gives up.
        within = _NORMAL.cdf(math.log(longest / median) / spread)
        return min(longest, median * math.exp(spread * _NORMAL.inv_cdf(max(draw * within, 1e-300))))


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
