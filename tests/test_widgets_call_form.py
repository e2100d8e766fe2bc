from __future__ import annotations

import json
import re
import time

import pytest
from ipywidgets import Widget

from imilab.config import Settings
from imilab.lab import Lab
from imilab.widgets import CallForm

ANSWERS, BUSY, NO_RECEIPTS = "+16465550119", "+16465550102", "+16465550122"


@pytest.fixture(scope="module")
def lab():
    with Lab.simulated(seed=7, time_scale=600) as simulated:
        yield simulated


@pytest.fixture
def form(lab):
    shown = CallForm(lab, text="Time for lunch")
    yield shown
    shown.close()


def send(form, number):
    form.controls.number.value = number
    form.controls.send.click()


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_call_is_sent_and_its_events_are_shown_with_the_time_since_the_first(form, lab):
    send(form, ANSWERS)

    assert form.wait(20)
    shown = words(form.controls.status.value)
    assert shown.startswith("Call to +1•••••119, spoken by en-GB-RyanNeural Answered after ringing ")
    call = lab.calls().iloc[-1]
    assert call["outcome"] == "answered"
    assert (
        f"after ringing {call['ring_seconds']:.1f} s. The platform ended the call after {call['talk_seconds']:.1f} s"
        in shown
    )
    assert re.findall(r"\+(\d+\.\d) s (\w+):", shown) == [
        ("0.0", "Offered"),
        (f"{(call['accepted_at'] - call['offered_at']).total_seconds():.1f}", "Accepted"),
        (f"{(call['answered_at'] - call['offered_at']).total_seconds():.1f}", "Answered"),
        (f"{(call['ended_at'] - call['offered_at']).total_seconds():.1f}", "Released"),
    ]


def test_the_send_button_is_disabled_while_a_call_is_under_way(lab):
    form = CallForm(lab, text="Time for lunch", patience_seconds=60)
    before = len(lab.requests())

    send(form, NO_RECEIPTS)
    assert until(lambda: len(lab.requests()) == before + 1)
    assert form.controls.send.disabled
    assert form.controls.stop.layout.display == ""
    send(form, NO_RECEIPTS)  # a click that was already on its way
    form.controls.stop.click()

    assert form.wait(10)
    assert not form.controls.send.disabled
    assert form.controls.stop.layout.display == "none"
    assert "You stopped watching. The call may still be going on" in words(form.controls.status.value)
    assert len(lab.requests()) == before + 1
    form.close()


def test_a_call_without_a_final_receipt_is_given_up_after_a_while_and_the_form_says_so(lab):
    form = CallForm(lab, text="Time for lunch", patience_seconds=0.3)

    send(form, NO_RECEIPTS)

    assert form.wait(10)
    assert "No final receipt has come yet. The call may still be going on" in words(form.controls.status.value)
    assert not form.controls.send.disabled
    form.close()


def test_no_full_number_is_in_the_state_of_any_widget_before_or_after_sending(form):
    form.controls.number.value = "+1 646 555 0102"
    assert form.controls.number.value == "+1•••••102"
    shown = json.dumps(form.controls.number.get_state(), default=str)
    assert not re.search(r"6465550102|646 555 0102", shown)

    form.controls.send.click()
    assert form.controls.number.value == ""
    assert form.wait(20)
    saved = json.dumps(Widget.get_manager_state(drop_defaults=False))
    assert "Busy: the call was not answered" in saved
    assert not re.search(r"6465550102|646 555 0102", saved)
    assert form.state.number == ""
    assert "0102" not in repr(form)


def test_what_was_chosen_and_typed_stays_after_sending_but_for_the_number(form):
    form.controls.gender.value = "Female"
    form.controls.voice.value = "en-GB-SoniaNeural"

    send(form, BUSY)
    assert form.wait(20)

    assert (form.controls.voice.value, form.controls.text.value) == ("en-GB-SoniaNeural", "Time for lunch")


def test_a_text_that_is_too_long_is_told_at_once_and_is_not_sent(form, lab):
    before = len(lab.requests())

    form.controls.text.value = "a" * 2012
    assert "2,012 of 2000: 12 too many" in words(form.controls.counter.value)
    send(form, BUSY)

    assert words(form.controls.message.value) == "Text: 2012 characters (UTF-16 units); at most 2000"
    assert form.controls.number.value == "+1•••••102"
    assert len(lab.requests()) == before
    form.controls.text.value = "Hello"
    assert words(form.controls.counter.value) == "5 of 2000 characters"


def test_filters_change_the_list_of_voices_and_keep_the_choice_where_it_fits(form):
    form.controls.gender.value = "Male"
    assert form.controls.voice.value == "en-GB-RyanNeural"
    form.controls.language.value = "fr-FR"

    assert all(name.startswith("fr-FR-") for _, name in form.controls.voice.options)
    assert form.controls.voice.value == form.state.voice == form.controls.voice.options[0][1]


def test_a_dry_run_shows_the_request_and_sends_nothing(form, lab):
    before = len(lab.requests())
    form.controls.number.value = ANSWERS

    form.controls.dry_run.click()

    assert words(form.controls.message.value).startswith("Dry run: nothing was sent.")
    assert "+1•••••119" in form.controls.message.value
    assert form.controls.number.value == "+1•••••119"
    assert len(lab.requests()) == before


def test_markup_in_a_text_is_shown_as_text(form):
    form.controls.text.value = "<script>alert(1)</script>"
    form.controls.number.value = ANSWERS

    form.controls.dry_run.click()

    assert "<script>" not in form.controls.message.value
    assert "&lt;script&gt;" in form.controls.message.value


def test_on_the_real_platform_the_form_warns_and_an_unarmed_call_is_refused_in_words(tmp_path):
    with Lab(Settings(store=tmp_path / "real.sqlite")) as real:
        form = CallForm(real, text="Time for lunch")
        banner = words(form.controls.banner.value)
        assert banner.startswith("Real platform: sending makes a real phone ring")
        assert "Not armed, so nothing is dialled yet. Still needed: a base URL" in banner
        assert form.controls.send.description == "Make a real call"

        send(form, ANSWERS)

        assert form.wait(10)
        assert "No call was placed, because real phones would ring" in words(form.controls.status.value)
        assert len(real.requests()) == 0
        form.close()


def test_an_armed_form_says_how_many_calls_may_be_placed(tmp_path):
    settings = Settings(
        store=tmp_path / "real.sqlite",
        base_url="https://api.us.webexconnect.io",
        key="k",
        caller_id="+12025550100",
        live=True,
        allow_list="+12025550123",
    )
    with Lab(settings) as real:
        real.go_live(2)
        form = CallForm(real)
        assert "Armed: 2 more calls may be placed." in words(form.controls.banner.value)

        form.controls.text.value = "Hello"
        send(form, "+12025550124")  # not on the allow-list

        assert form.wait(10)
        assert "allow-list" in words(form.controls.status.value)
        form.close()


def test_on_the_embedded_platform_the_form_says_that_no_phone_rings(form):
    assert words(form.controls.banner.value) == "Embedded platform: no phone rings."


def test_every_control_has_a_label_and_no_button_an_icon(form):
    controls = form.controls
    labels = [
        one.description for one in (controls.language, controls.gender, controls.voice, controls.text, controls.number)
    ]

    assert labels == ["Language", "Gender", "Voice", "Text", "Number to call"]
    assert [button.icon for button in (controls.dry_run, controls.send, controls.stop)] == ["", "", ""]
