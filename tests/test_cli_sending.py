"""``imilab send`` as a user runs it: designs, shares, strata, hours and what it shows before it sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imilab.cli import app
from imilab.cli.sending_commands import parse_arms
from imilab.errors import InvalidInputError
from imilab.terms import Media, Voice
from tests.command_line import imilab
from tests.send_rig import number

ARMS = ("--arm", "ryan=en-GB-RyanNeural", "--arm", "sonia=en-GB-SoniaNeural", "--text", "Hello {first_name}")
SETTINGS = {
    "IMILAB_BASE_URL": "http://127.0.0.1:9",
    "IMILAB_COUNTRIES": "US",
    "IMILAB_TENANT_ZONE": "Europe/London",
    "IMILAB_QUIET_HOURS": "21:00-08:00",
    "IMILAB_PRICE_PER_CALL": "US=0.01",
    "IMILAB_CURRENCY": "EUR",
    "IMILAB_CONTACT_POLICY": '{"contactPolicyGroup": "news"}',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [f"{number(place)},{'Ann' if place else ''},{'gold' if place % 2 else 'new'}" for place in range(9)]
    (tmp_path / "people.csv").write_text("\n".join(["msisdn,first_name,tier", *lines]), encoding="utf-8")
    return tmp_path


def test_it_shows_what_will_happen_and_sends_nothing(folder: Path):
    options = ("--share", "ryan=1", "--share", "sonia=3", "--strata", "tier", "--between", "10:00-12:00", "--seed", "4")
    done = imilab("send", "people.csv", *ARMS, *options, folder=folder, **SETTINGS)

    assert done.returncode == 0, done.stderr
    assert "8 calls to 8 numbers" in done.stdout
    assert "about 0.08 EUR" in done.stdout
    assert "10:00-12:00; mon-sun; recipient's zone" in done.stdout
    assert "Balanced within tier: 2 strata." in done.stdout
    assert "contactPolicyGroup news" in done.stdout
    assert "first_name: empty; the text needs it" in done.stdout
    assert "Nothing was sent. To place these calls: --go-live 8" in done.stdout
    counts = dict(re.findall(r"^ *(ryan|sonia) .* (\d) +0\.\d+$", done.stdout, re.MULTILINE))
    assert counts in ({"ryan": "2", "sonia": "6"}, {"ryan": "1", "sonia": "7"}, {"ryan": "3", "sonia": "5"})
    assert not re.search(r"555\d{4}", done.stdout + done.stderr)


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process: it plans in a second what takes a process of its own three."""
    monkeypatch.chdir(folder)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(app, ["send", "people.csv", *ARMS, *words])


def test_a_crossover_of_hours_and_texts_can_be_planned(run: Callable[..., Result]):
    options = (
        *("--design", "crossover", "--spacing", "36 hours", "--over", "4 days", "--send-at", "platform"),
        *("--arm-hours", "ryan=09:00-12:00", "--arm-text", "sonia=Good evening"),
        *("--days", "mon-fri", "--zone", "America/New_York", "--campaign", "cross"),
    )
    done = run(*options)

    assert done.exit_code == 0, done.output
    assert "cross: 16 calls to 8 numbers" in done.stdout
    assert "09:00-12:00; mon-fri; America/New_York" in done.stdout
    assert "00:00-24:00; mon-fri; America/New_York" in done.stdout
    assert "The platform holds each call until its time (sendAt)" in done.stdout


def test_the_price_goes_by_the_minutes_that_a_call_is_assumed_to_last(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("IMILAB_PRICE_PER_MINUTE", "US=0.02")

    assert "about 0.24 EUR" in run().stdout
    assert "about 0.40 EUR" in run("--minutes-per-call", "2").stdout


def test_only_a_campaign_that_was_sent_can_be_verified(run: Callable[..., Result]):
    done = CliRunner().invoke(app, ["status", "--verify", "lunch"])

    assert done.exit_code == 1
    assert str(done.exception).startswith("campaign: no plan of this name was sent")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--share", "ryan"), "--share: not of the form name=number"),
        (("--share", "ryan=half"), "--share: not a number"),
        (("--share", "ryan=1"), "shares: not one for each arm; give them by name, for ryan, sonia"),
        (("--share", "ryan=1", "--share", "ryan=2"), "--share: 'ryan' is given twice"),
        (("--arm-text", "third=Hello"), "--arm-text: there is no arm 'third'; there are ryan, sonia"),
        (("--arm-hours", "ryan=9-12"), "between: not hours"),
        (("--strata", "town"), "strata: the recipients have no column 'town'; there are first_name, tier"),
        (("--design", "latin"), "design: unknown; give one of blocked, simple, crossover"),
        (("--spacing", "soon", "--design", "crossover"), "spacing: not a length of time"),
        (("--over", "0 days"), "over: not above 0"),
        (("--send-at", "noon"), "send_at: unknown; give one of local, platform"),
        (("--zone", "London"), "zone: not an IANA zone"),
        (("--minutes-per-call", "-1"), "minutes_per_call: not a number of minutes"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(run: Callable[..., Result], options: tuple[str, ...], problem: str):
    done = run(*options)

    assert done.exit_code == 1
    assert isinstance(done.exception, InvalidInputError)
    assert str(done.exception).startswith(problem)


def test_arms_are_voices_or_prompts():
    assert parse_arms(["a=en-GB-RyanNeural", "b=media:lunch=1"]) == {
        "a": Voice("en-GB-RyanNeural"),
        "b": Media("lunch=1"),
    }
