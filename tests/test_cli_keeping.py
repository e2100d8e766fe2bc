"""``imilab resolve`` and ``imilab erase``, as a person at a terminal uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import imilab
from imilab.cli import app
from imilab.errors import InvalidInputError
from imilab.store import Settlement, Store
from tests.command_line import imilab as run_imilab
from tests.erasure_rig import NUMBER, OTHER, ask, call, traces

UNKNOWN = Settlement(state="unknown", message="no answer")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose store holds two calls of unknown outcome of one campaign, and one of another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMILAB_STORE", "lab.sqlite")
    with Store(tmp_path / "lab.sqlite") as store:
        for sign, msisdn, campaign in (("a", NUMBER, "lunch"), ("b", OTHER, "lunch"), ("c", OTHER, "dinner")):
            ask(store, call(sign * 32, msisdn, campaign=campaign), UNKNOWN)
        ask(store, call("d" * 32, campaign="lunch"))
    return tmp_path


def run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=typed)


def states(project: Path) -> str:
    with Store(project / "lab.sqlite") as store:
        return " ".join(state for (state,) in store.rows("SELECT state FROM requests ORDER BY correlation_id"))


def test_resolve_lists_the_calls_of_unknown_outcome_with_masked_numbers(project):
    shown = run("resolve").output

    assert [sign * 32 in shown for sign in "abcd"] == [True, True, True, False]
    assert "+1•••••123" in shown
    assert NUMBER[2:] not in shown
    assert "3 calls may have been placed" in shown
    assert [sign * 32 in run("resolve", "--campaign", "dinner").output for sign in "abc"] == [False, False, True]
    assert states(project) == "unknown unknown unknown accepted"


def test_resolve_decides_on_one_call_or_on_a_campaign(project):
    assert run("resolve", "c" * 32, "--placed", "--note", "she told us").exit_code == 0
    assert states(project) == "unknown unknown accepted accepted"
    assert "2 calls are rejected now" in run("resolve", "--campaign", "lunch", "--not-placed").output
    assert states(project) == "rejected rejected accepted accepted"
    assert "No call has an unknown outcome" in run("resolve").output
    with Store(project / "lab.sqlite") as store:
        assert store.rows("SELECT message FROM requests WHERE correlation_id = ?", ("c" * 32,)) == [
            ("resolved by a person: it was placed; she told us",)
        ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("a" * 32,), "say --placed or --not-placed"),
        (("--placed",), "give one, or --campaign NAME"),
        (("a" * 32, "--campaign", "lunch", "--placed"), "give one, or --campaign NAME"),
        (("d" * 32, "--placed"), "its call is accepted, not unknown"),
        (("f" * 32, "--placed"), "no call has it"),
    ],
)
def test_resolve_decides_nothing_that_is_not_said_in_full(project, words, says):
    result = run("resolve", *words)

    assert isinstance(result.exception, InvalidInputError)
    assert says in str(result.exception)
    assert states(project) == "unknown unknown unknown accepted"


def test_erase_forgets_a_number_given_as_a_word_or_typed(project):
    with Store(project / "lab.sqlite") as store:
        assert traces(store)
        assert "2 requests" in run("erase", "-", typed=f"{NUMBER}\n").output
        assert traces(store) == []
    assert "2 requests" in run("erase", OTHER).output
    assert OTHER.encode() not in (project / "lab.sqlite").read_bytes()


def test_erase_by_age_takes_its_days_from_the_command_or_the_settings(project, monkeypatch):
    assert "0 requests" in run("erase", "--older-than-days", "30000").output
    monkeypatch.setenv("IMILAB_RETENTION_DAYS", "30")
    shown = run("erase", "--old").output

    assert "1 requests" in shown
    assert "3 old calls are still open and were left" in shown


@pytest.mark.parametrize("words", [(), (NUMBER, "--old"), ("--old", "--older-than-days", "3")])
def test_erase_wants_one_thing_at_a_time(project, words):
    problem = run("erase", *words).exception

    assert isinstance(problem, InvalidInputError)
    assert "give a number, --older-than-days N or --old" in str(problem)


def test_a_wrong_number_is_one_sentence_and_exit_code_1(project):
    ended = run_imilab("erase", "2025550123", folder=project, IMILAB_STORE="lab.sqlite")

    assert ended.returncode == 1
    assert ended.stderr.startswith("imilab: msisdn: no number of any country")
    assert "2025550123" not in ended.stdout + ended.stderr


def test_the_lab_and_the_command_line_know_the_same_decisions():
    assert {"resolve", "unknown", "erase", "forget_old"} <= set(dir(imilab.Lab))
    names = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {"resolve", "erase"} <= names
