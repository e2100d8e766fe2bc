"""The people model and its known truth."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import integrate, stats

from imilab.errors import InvalidInputError
from imilab.simulator import Fate, People, PeopleSettings, SimulatorSettings
from imilab.terms import Media, Voice
from imilab.wire.rules import check_content
from tests.simulator_rig import number

TEXT = "This is a reminder of your appointment on Thursday at three in the afternoon. Please bring your card."
RYAN, SONIA = "en-GB-RyanNeural", "en-GB-SoniaNeural"
DRAWS = 20_000


def at(hour: int, minute: int = 30) -> int:
    return int(datetime(2026, 3, 2, hour, minute, tzinfo=UTC).timestamp() * 1000)


def people(seed: int = 7, **changes: object) -> People:
    return People(SimulatorSettings(seed=seed, people=replace(PeopleSettings(), **changes)))


def draw_many(model: People, voice: Voice | Media | str, hour: int = 11, text: str = TEXT) -> list[Fate]:
    message = model.listening.message(voice, text)
    return [model.draw(number(index), f"{voice}{index}", at(hour), message) for index in range(DRAWS)]


def near(rate: float, n: int = DRAWS) -> pytest.approx:
    """Within four standard errors."""
    return pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / n))


def early(fates: list[Fate]) -> int:
    return sum(fate.end == "disconnected" and fate.talk_seconds <= 5 for fate in fates)


def completed(fates: list[Fate]) -> int:
    return sum(fate.end == "released" for fate in fates)


def test_outcomes_converge_to_the_true_rates():
    model = people()
    fates = draw_many(model, RYAN)
    counts = Counter(fate.outcome for fate in fates)
    assert set(counts) == {"answered", "busy", "no_answer", "rejected", "dropped"}
    for outcome, count in counts.items():
        assert count / DRAWS == near(model.true_rate(outcome, hours=[11]))
    assert completed(fates) / DRAWS == near(model.true_rate("completed", RYAN, TEXT, [11]))
    assert early(fates) / DRAWS == near(model.true_rate("early_hangup", RYAN, TEXT, [11]))


def test_a_simulated_comparison_converges_to_the_true_difference():
    model = people(voice_effects={RYAN: -0.2, "SoniaNeural": 0.3})
    ryan, sonia = draw_many(model, RYAN), draw_many(model, SONIA)
    for outcome, count in (("completed", completed), ("early_hangup", early)):
        truth = model.true_difference(outcome, voice=SONIA, baseline=RYAN, text=TEXT, hours=[11])
        error = math.sqrt(sum(rate * (1 - rate) / DRAWS for rate in (count(ryan) / DRAWS, count(sonia) / DRAWS)))
        assert abs(truth) > 3 * error, "the test could not tell the truth from no difference"
        assert (count(sonia) - count(ryan)) / DRAWS == pytest.approx(truth, abs=4 * error)
    assert model.true_difference("answered", voice=SONIA, baseline=RYAN, text=TEXT) == 0


def test_the_true_answer_rate_is_the_integral_over_the_numbers():
    model = people(number_spread=1.4, answer_log_odds=-0.3)
    for hour, effect in enumerate(PeopleSettings().hour_effects):
        expected, _ = integrate.quad(
            lambda z, effect=effect: stats.norm.pdf(z) / (1 + math.exp(0.3 - effect - 1.4 * z)), -12, 12, epsabs=1e-12
        )
        assert model.true_rate("answered", hours=[hour]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("effect", "seconds"), [(0.0, 2.0), (0.7, 5.0), (-0.7, 20.0)])
def test_the_share_still_listening_is_the_integral_over_impatience(effect, seconds):
    model = people(voice_effects={RYAN: effect}, text_effects={TEXT: 0.1})
    hazard = 0.079 * min(seconds, 3) + 0.0125 * max(seconds - 3, 0)
    survival = integrate.quad(
        lambda g: stats.gamma.pdf(g, 2, scale=0.5) * math.exp(-g * math.exp(effect + 0.1) * hazard), 0, np.inf
    )[0]
    message = model.listening.message(RYAN, TEXT)
    assert model.listening.share_still_there(message, seconds) == pytest.approx(survival, abs=1e-9)


def test_the_default_people_answer_as_documented():
    model = people()
    expected = {"answered": 0.55, "busy": 0.12, "no_answer": 0.22, "rejected": 0.09, "dropped": 0.02}
    for outcome, rate in expected.items():
        assert model.true_rate(outcome) == pytest.approx(rate, abs=0.01)
    assert sum(model.true_rate(outcome) for outcome in expected) == pytest.approx(1)
    assert model.true_rate("answered", hours=[3]) < 0.1 < 0.6 < model.true_rate("answered", hours=[18])
    voices = [RYAN, SONIA, "en-IN-NeerjaNeural", "en-US-GuyNeural", "en-US-AriaNeural"]
    shares = [model.true_rate("early_hangup", voice, TEXT) / model.true_rate("answered") for voice in voices]
    assert 0.1 < min(shares) < 0.2 < max(shares) < 0.35
    assert max(shares) - min(shares) > 0.05


def test_a_voice_and_a_text_move_listening_only():
    model = people()
    for index in range(300):
        call = (number(index), "c1", at(11))
        first = model.draw(*call, model.listening.message(RYAN, TEXT))
        for content, text in ((SONIA, TEXT), (RYAN, TEXT * 2), (Media("jingle"), None)):
            other = model.draw(*call, model.listening.message(content, text))
            assert replace(other, talk_seconds=0, end="") == replace(first, talk_seconds=0, end="")


def test_the_hour_moves_answering_only():
    model = people()
    message = model.listening.message(RYAN, TEXT)
    pairs = [[model.draw(number(i), "c1", at(hour), message) for hour in (3, 18)] for i in range(2000)]
    night, evening = (sum(pair[side].outcome == "answered" for pair in pairs) for side in (0, 1))
    assert night < evening / 3
    both = [pair for pair in pairs if pair[0].outcome == pair[1].outcome == "answered"]
    assert len(both) > 50
    assert all(first == second for first, second in both)


def test_the_local_hour_of_the_peoples_zone_counts():
    utc, kolkata = people(), people(zone="Asia/Kolkata")
    message = utc.listening.message(RYAN, TEXT)
    for index in range(200):
        # 12:40 in Kolkata is 07:10 UTC.
        assert kolkata.draw(number(index), "c1", at(7, 10), message) == utc.draw(
            number(index), "c1", at(12, 40), message
        )


def test_calls_to_one_number_resemble_each_other():
    model = people()
    message = model.listening.message(RYAN, TEXT)
    answers = np.array(
        [
            [model.draw(number(i), f"c{call}", at(11), message).outcome == "answered" for call in (1, 2)]
            for i in range(4000)
        ]
    )
    # Independent calls would correlate by 0 with a standard error of 1/sqrt(4000) = 0.016.
    assert np.corrcoef(answers.T)[0, 1] > 0.08


def test_a_call_has_one_fate_and_another_seed_another():
    message = people().listening.message(RYAN, TEXT)
    calls = [(number(i), f"c{i}", at(11), message) for i in range(200)]
    assert [people().draw(*call) for call in calls] == [people().draw(*call) for call in calls]
    assert [people(seed=8).draw(*call) for call in calls] != [people().draw(*call) for call in calls]
    assert len({people().draw(number(1), f"c{i}", at(11), message) for i in range(50)}) == 50


def test_times_stay_within_the_ring_timeout_and_the_message():
    model = people()
    message = model.listening.message(RYAN, TEXT)
    assert message.seconds == pytest.approx(2 + len(TEXT) / 14)
    fates = draw_many(model, RYAN)
    assert all(0 < fate.ring_seconds <= 30 for fate in fates)
    assert {fate.ring_seconds for fate in fates if fate.outcome == "no_answer"} == {30}
    answered = [fate for fate in fates if fate.outcome == "answered"]
    assert np.median([fate.ring_seconds for fate in answered]) == pytest.approx(9, abs=0.3)
    assert {fate.talk_seconds for fate in answered if fate.end == "released"} == {message.seconds}
    assert all(0 < fate.talk_seconds < message.seconds for fate in answered if fate.end == "disconnected")


def test_a_high_priority_leaves_the_queue_sooner():
    model = people()
    message = model.listening.message(RYAN, TEXT)
    low, medium, high = (
        model.draw(number(1), "c1", at(11), message, priority=level).queue_seconds for level in (1, 2, 3)
    )
    assert low == 2 * medium == 4 * high


def test_what_is_on_the_wire_is_heard_as_the_voice_itself():
    model = people()
    voice = Voice(RYAN)
    wire = {"type": "TtS", "ttsProcessor": "Azure", "language": "EN-GB", "voice": "RyanNeural", "region": voice.region}
    wire |= {"text": TEXT, "voiceType": "Neural", "gender": "Male"}
    assert model.listening.message(check_content(wire)) == model.listening.message(voice, TEXT)
    recording = model.listening.message(check_content({"type": "media", "mediaId": "jingle"}))
    assert recording == model.listening.message(Media("jingle"))
    assert recording.seconds == 20


def test_set_effects_go_by_full_or_short_name_or_media_id():
    model = people(voice_effects={RYAN: 0.5, "sonianeural": 0.5, "Jingle": 0.5}, text_spread=0)
    shares = [
        model.listening.share_still_there(model.listening.message(content, TEXT), 3)
        for content in (RYAN, SONIA, Media("Jingle"))
    ]
    assert shares == [shares[0]] * 3
    assert shares[0] == pytest.approx((1 + math.exp(0.5) * 0.079 * 3 / 2) ** -2)


def test_hours_can_be_weighted():
    model = people()
    nine, noon = (model.true_rate("answered", hours=[hour]) for hour in (9, 12))
    assert model.true_rate("answered", hours={9: 1, 12: 3}) == pytest.approx((nine + 3 * noon) / 4)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"outcome": "lost"}, "outcome"),
        ({"outcome": "completed"}, "voice"),
        ({"outcome": "answered", "hours": []}, "hours"),
        ({"outcome": "answered", "hours": [24]}, "hours"),
        ({"outcome": "answered", "hours": {9: -1, 10: 2}}, "hours"),
    ],
)
def test_what_has_no_true_rate_is_refused(arguments, field):
    with pytest.raises(InvalidInputError) as caught:
        people().true_rate(**arguments)
    assert caught.value.field == field
