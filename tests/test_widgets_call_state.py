from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import imilab
from imilab.config import Settings
from imilab.errors import BadRequestError, InvalidInputError, NotArmedError
from imilab.terms import Voice
from imilab.widgets.call_state import CallState, problem_words
from imilab.wire import MakeCall

NUMBER = "+12025550123"
REFUSED = (
    "To.msisdn: +1•••••123 cannot be called (HTTP 400); "
    "correct the named parameter; the same request will be refused again"
)
SETTINGS = {
    "caller_id": "+12025550100",
    "notify_url": "https://example.org/hooks/secret?token=1",
    "contact_policy": {"contactPolicyGroup": "news", "channelCheckConsent": True},
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[imilab.Lab]:
    with imilab.Lab(Settings(store=tmp_path / "lab.sqlite", **SETTINGS)) as opened:
        yield opened


def test_voices_are_filtered_by_language_and_gender():
    state = CallState()

    state.filter_voices("en-IE", "Male")

    assert [name for _, name in state.voices()] == ["en-IE-ConnorNeural"]
    assert state.voice == "en-IE-ConnorNeural"


def test_the_chosen_voice_stays_where_it_fits_the_filter():
    state = CallState(voice="en-GB-SoniaNeural")

    state.filter_voices("en-GB", "Female")

    assert state.voice == "en-GB-SoniaNeural"


def test_without_a_language_every_listed_voice_is_offered_by_its_full_name():
    state = CallState()

    state.filter_voices("", "")

    catalogue = imilab.voices()
    assert [name for _, name in state.voices()] == catalogue["voice"].to_list()
    assert ("en-GB-RyanNeural · Male", "en-GB-RyanNeural") in state.voices()


def test_where_no_voice_fits_the_list_says_so_and_nothing_can_be_sent(lab):
    state = CallState(text="Time for lunch", number=NUMBER)

    state.filter_voices("en-IE", "Neutral")

    assert state.voices() == [("No voice fits; choose another language or gender", "")]
    assert state.voice == ""
    with pytest.raises(InvalidInputError, match="none is chosen"):
        state.check(lab)


def test_children_and_previews_are_marked():
    labels = {name: label for label, name in CallState().voices()}

    assert labels["en-GB-MaisieNeural"] == "MaisieNeural · Female, child"


def test_languages_are_sorted_by_their_english_names():
    labels = [label for label, _ in CallState().languages()]

    assert labels[0] == "Any language"
    assert labels[1:] == sorted(labels[1:])
    assert "English (United Kingdom) · en-GB" in labels


def test_a_form_starts_with_a_listed_voice_and_its_language():
    state = CallState.starting_with("RyanNeural", "Hello")

    assert (state.voice, state.language, state.text) == ("en-GB-RyanNeural", "en-GB", "Hello")


def test_a_form_cannot_start_with_a_voice_that_it_does_not_list():
    with pytest.raises(InvalidInputError, match=r"not in imilab\.voices\(\)"):
        CallState.starting_with("en-GB-NobodyNeural")


@pytest.mark.parametrize(
    ("text", "counter", "surplus"),
    [
        ("", "0 of 2000", 0),
        ("Time for lunch", "14 of 2000", 0),
        ("\N{PARTY POPPER}" * 1000, "2,000 of 2000", 0),
        ("a" * 1999 + "\N{PARTY POPPER}", "2,001 of 2000", 1),
    ],
)
def test_text_is_counted_as_the_platform_counts(text, counter, surplus):
    state = CallState(text=text)

    assert (state.counter, state.surplus) == (counter, surplus)


@pytest.mark.parametrize("typed", [NUMBER, " +1 202 555 0123 ", "+1 (202) 555-0123", "+1.202.555.0123"])
def test_a_number_may_be_typed_with_gaps_and_is_shown_masked(typed):
    state = CallState()

    state.enter_number(typed)

    assert state.number == NUMBER
    assert state.number_shown == "+1•••••123"
    assert state.number_problem == ""


def test_the_mask_in_the_field_does_not_replace_the_number():
    state = CallState(number=NUMBER)

    state.enter_number("+1•••••123")

    assert state.number == NUMBER


@pytest.mark.parametrize(
    "typed", ["12025550123", "2025550123", "+0012025550123", "+1 202 555 0123 4567 89", "call Ann"]
)
def test_what_is_no_number_is_refused_and_its_digits_are_not_shown(lab, typed):
    state = CallState(text="Hello")

    state.enter_number(typed)

    assert not re.search(r"\d{5}", state.number_shown)
    assert state.number_problem.startswith("This is not a full number")
    with pytest.raises(InvalidInputError) as caught:
        state.check(lab)
    assert caught.value.field == "to.msisdn"


def test_the_number_is_forgotten_when_it_is_taken():
    state = CallState(number=NUMBER)

    assert state.take_number() == NUMBER
    assert (state.number, state.number_shown) == ("", "")


def test_neither_number_nor_text_is_in_the_repr():
    assert NUMBER not in repr(CallState(number=NUMBER, text="secret")) + str(dataclasses.fields(CallState))
    assert "secret" not in repr(CallState(number=NUMBER, text="secret"))


def test_a_dry_run_is_the_request_with_numbers_masked(lab):
    state = CallState(text="Caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{PARTY POPPER}", number=NUMBER)
    sent = MakeCall(
        caller_id="+12025550100",
        msisdn=NUMBER,
        correlation_id="c",
        content=Voice("en-GB-RyanNeural"),
        text=state.text,
        notify_url=SETTINGS["notify_url"],
        contact_policy=SETTINGS["contact_policy"],
    ).to_json()

    shown = json.loads(state.dry_run(lab))

    assert shown.pop("to") == [{"msisdn": ["+1•••••123"], "correlationId": "drawn when the call is sent"}]
    assert shown.pop("from") == "+1•••••100"
    assert shown.pop("notifyUrl") == "https://example.org/•••"
    assert shown == {name: value for name, value in sent.items() if name not in {"to", "from", "notifyUrl"}}


def test_a_dry_run_shows_the_words_that_are_spoken(lab):
    state = CallState(text="It costs {{5}}", number=NUMBER)

    assert json.loads(state.dry_run(lab))["content"]["text"] == "It costs {5}"


@pytest.mark.parametrize("act", [CallState.dry_run, CallState.check])
def test_a_placeholder_is_refused_before_anything_is_sent(lab, act):
    with pytest.raises(InvalidInputError) as caught:
        act(CallState(text="Hello {name}", number=NUMBER), lab)

    assert problem_words(caught.value) == "Text: holds the placeholder {name}; write out what this person hears"


def test_a_dry_run_needs_the_caller_id_and_says_which_setting_it_is(tmp_path):
    state = CallState(text="Hello", number=NUMBER)

    with imilab.Lab(Settings(store=tmp_path / "other.sqlite")) as lab:
        with pytest.raises(InvalidInputError) as caught:
            state.dry_run(lab)
        state.check(lab)  # calling says it, with whatever else is missing

    assert problem_words(caught.value).startswith("Caller id (IMILAB_CALLER_ID): an empty text")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (InvalidInputError("content.text", "an empty text; it is required"), "Text: an empty text; it is required"),
        (InvalidInputError("seed", "not a number"), "Seed: not a number"),
        (NotArmedError(("a key",)), "No call was placed, because real phones would ring. Still needed: a key"),
        (
            BadRequestError(f"to.msisdn: {NUMBER} cannot be called"),
            REFUSED,
        ),
    ],
)
def test_problems_are_told_in_the_words_of_the_form_and_without_numbers(problem, words):
    assert problem_words(problem) == words
