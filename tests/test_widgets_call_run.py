from __future__ import annotations

import re
import threading
import time

import pytest

from imilab.lab import Lab
from imilab.terms import Voice
from imilab.widgets.call_outcome import event_words
from imilab.widgets.call_run import CallProgress, CallRun

RYAN = Voice("en-GB-RyanNeural")
SENTENCES = {
    "+16465550101": "No answer: the call was not answered (no answer, code 7401).",
    "+16465550102": "Busy: the call was not answered (customer busy, code 7402).",
    "+16465550104": "Failed: the call was not answered (others, code 7404).",
    "+16465550106": "Declined: the call was not answered (call rejected, code 7406).",
    "+16465550108": "Expired: the call was not answered (message expired, code 7208).",
    "+16465550109": "Dropped: the call was not answered (dropped, code 7409).",
    "+16465550110": "Answered after ringing ~ s. The person hung up after ~ s.",
    "+16465550111": "Answered after ringing ~ s. The person was transferred to an agent. The platform ended the call"
    " after ~ s.",
    "+16465550119": "Answered after ringing ~ s. The platform ended the call after ~ s, as it does at the end of a"
    " message.",
    "+16465550120": "Answered, as the hang-up shows; no answered receipt came. The person hung up.",
    "+16465550121": "Failed: the call was not answered (reason unknown, code 7999).",
    "+16465550123": "Answered after ringing ~ s. The platform ended the call after ~ s, as it does at the end of a"
    " message.",
    "+16465550163": "Not placed: the platform refused the request (to.msisdn: this number cannot be called).",
}


@pytest.fixture(scope="module")
def lab():
    with Lab.simulated(seed=7, time_scale=600) as simulated:
        yield simulated


def call(lab, number, patience_seconds=10.0, text="Time for lunch"):
    """Place a call and return its run and every progress that it told."""
    told = []
    progress = CallProgress(number="+1•••••100", voice=RYAN.name)
    run = CallRun(lab, progress, lambda one: told.append(one.progress), patience_seconds=patience_seconds)
    run.start(number, RYAN, text)
    assert run.wait(20)
    return run, told


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("number", SENTENCES)
def test_what_became_of_a_call_is_said_in_a_sentence(lab, number):
    run, told = call(lab, number)
    run.stop()

    assert re.sub(r"\d+\.\d", "~", run.progress.outcome) == SENTENCES[number]
    assert run.progress.over
    assert run.progress.problem == ""
    assert (told[0].now, told[0].over) == ("Sending the request.", False)


def test_a_call_is_answered_before_it_is_over():
    with Lab.simulated(seed=7, time_scale=30) as slow:
        run, told = call(slow, "+16465550119", text="lunch " * 60)
        run.stop()

    answered = [one for one in told if one.outcome.startswith("Answered") and not one.over]
    assert answered
    assert answered[0].now == "Under way."
    assert [len(one.steps) for one in told] == sorted(len(one.steps) for one in told)


def test_events_that_come_after_the_final_one_still_correct_the_story(lab):
    run, _ = call(lab, "+16465550124")  # receipts in reverse order: the first to come is the final one

    assert until(lambda: len(run.progress.steps) == 4)
    run.stop()
    assert run.progress.outcome.startswith("Answered after ringing")
    assert [step.seconds for step in run.progress.steps] == sorted(step.seconds for step in run.progress.steps)


def test_a_call_of_unknown_fate_says_not_to_send_it_again(lab):
    run, told = call(lab, "+16465550151", patience_seconds=0.5)

    assert told[-2].outcome.startswith("Not known: the platform gave no readable answer.")
    assert "do not send it again" in told[-2].outcome
    assert run.progress.problem.startswith("No final receipt has come yet.")


def test_an_error_of_the_platform_is_said_in_words(lab):
    run, _ = call(lab, "+16465550141")

    assert run.progress.problem.startswith("The call was not placed: the platform refused the key or the account")
    assert run.progress.over


class BrokenLab:
    """A lab in which something fails that should not, with a number in what it says."""

    def call(self, msisdn, content, text=None):
        raise RuntimeError(f"{msisdn} broke it")


def test_an_unexpected_failure_is_said_without_what_it_said(capsys):
    run, _ = call(BrokenLab(), "+16465550119")

    assert run.progress.problem.startswith("Something failed that should not (RuntimeError).")
    assert "0119" not in run.progress.problem
    assert until(lambda: not any(one.name == "imilab-call-form" for one in threading.enumerate()))
    assert capsys.readouterr() == ("", "")


def test_closing_the_lab_after_a_call_ends_the_watching_in_silence(capsys):
    with Lab.simulated(seed=7, time_scale=600) as lab:
        run, told = call(lab, "+16465550102")
        count = len(told)

    assert until(lambda: not any(one.name == "imilab-call-form" for one in threading.enumerate()))
    assert (run.progress.problem, len(told)) == ("", count)
    assert capsys.readouterr() == ("", "")


def test_every_event_has_its_meaning_and_an_unknown_one_is_shown_as_it_came():
    assert event_words("busy", "REJECTED", "7402") == "Busy: the person's line was busy."
    assert event_words("PARKED", "PARKED", "") == "PARKED: not documented."
    assert event_words("+12025550123", "+12025550123", "9") == "+1•••••123, code 9: not documented."
