"""``imilab import``: a look first, a changed and saved mapping, the import, and what it says."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import imilab
from imilab.cli import app
from imilab.errors import InvalidInputError, TimestampError
from tests.logs_factory import csv_text, event_rows


@pytest.fixture(autouse=True)
def _export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [*event_rows(4), ("+12025550123", "broken")]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")


def run(*words: str):
    return CliRunner().invoke(app, ["import", *words], catch_exceptions=True)


def test_a_look_reads_nothing(tmp_path):
    shown = run("log.csv", "--inspect")

    assert shown.exit_code == 0, shown.output
    assert "message_id      <- Transaction ID" in shown.output
    assert not (tmp_path / "imilab.sqlite").exists()


def test_an_import_says_what_became_of_the_rows_and_hides_numbers(tmp_path):
    done = run("log.csv", "--tz", "UTC")

    assert done.exit_code == 0, done.output
    assert "13 rows read: 12 kept, 0 duplicate, 1 rejected" in done.output
    assert "log.csv line 14: 2 fields where the header has 7" in done.output
    assert "2025550123" not in done.output
    with imilab.Lab() as lab:
        assert len(lab.calls()) == 4


def test_a_mapping_is_changed_and_saved_under_a_name(tmp_path):
    done = run(
        "log.csv", "--column", "code=", "--column", "correlation_id=Description", "--save-mapping", "odd", "--tz", "UTC"
    )
    again = run("log.csv", "--mapping", "odd", "--tz", "UTC")

    assert done.exit_code == 0, done.output
    assert "0 kept, 12 duplicate" in again.output
    saved = imilab.Mapping.load("odd")
    assert "code" not in saved.columns
    assert saved.columns["correlation_id"] == "Description"


def test_times_without_a_zone_are_refused(tmp_path):
    assert isinstance(run("log.csv").exception, TimestampError)


def command(*words: str):
    return CliRunner().invoke(app, list(words), catch_exceptions=True)


def test_how_a_log_is_written_can_be_said(tmp_path):
    body = csv_text(event_rows(4), delimiter="\t", quotechar="'").split("\n", 1)[1]
    (tmp_path / "odd.txt").write_text(f"status\tto\ttime\tvoice\ttext\tmedia\ttype\n{body}", encoding="latin-1")
    columns = [
        f"--column={field}=column_{place}" for field, place in (("message_id", 1), ("status", 3), ("event_at", 6))
    ]
    written = ["--no-header", "--delimiter", "tab", "--encoding", "latin-1", "--quote", "'"]
    shown = run("odd.txt", *written, "--inspect")
    done = run("odd.txt", *written, *columns, "--tz", "UTC", "--save-mapping", "odd")

    assert "latin-1, tab between fields, quote ', no header, 7 columns" in shown.output
    assert "13 rows read: 12 kept, 0 duplicate, 1 rejected" in done.output, done.output
    saved = imilab.Mapping.load("odd")
    assert (saved.header, saved.delimiter, saved.encoding, saved.quote, saved.tz) == (
        False,
        "\t",
        "latin-1",
        "'",
        "UTC",
    )
    again = run("odd.txt", "--mapping", "odd")
    assert "0 kept, 12 duplicate, 1 rejected" in again.output


@pytest.mark.parametrize(("kind", "word"), [("event", "an event"), ("call", "a call")])
def test_what_a_row_is_can_be_said_against_the_proposal(tmp_path, kind, word):
    (tmp_path / "calls.csv").write_text(
        "TID,Status,Requested Time,Answered On,Time\nm1,ANSWERED,,2026-03-02 09:00:00,2026-03-02 09:00:00\n",
        encoding="utf-8",
    )

    assert f"a row is {word}" in run("calls.csv", "--kind", kind, "--inspect").output
    assert (
        "1 kept"
        in run(
            "calls.csv", "--kind", kind, "--column", "event_at=Time" * (kind == "event") or "text=", "--tz", "UTC"
        ).output
    )


def test_a_profile_beside_the_store_is_found_by_every_door(tmp_path, monkeypatch):
    beside = tmp_path / "data"
    beside.mkdir()
    imilab.Mapping(columns={"message_id": "To", "status": "Delivery Status", "event_at": "Event Time"}).save(
        "odd", beside
    )
    monkeypatch.setenv("IMILAB_STORE", str(beside / "lab.sqlite"))

    assert "message_id  <- To" in run("log.csv", "--mapping", "odd", "--inspect").output
    assert "12 kept" in run("log.csv", "--mapping", "odd", "--tz", "UTC").output
    shown = command("rates", "--calls", "log.csv", "--calls-mapping", "odd", "--calls-tz", "UTC")
    assert shown.exit_code == 0, shown.output


def test_an_import_of_which_nothing_could_be_read_ends_with_an_error(tmp_path):
    (tmp_path / "bad.csv").write_text(csv_text([(*event_rows(1)[0][:5], "02/03/2026 09:00:00", "")]), encoding="utf-8")
    done = run("bad.csv", "--tz", "UTC")

    assert done.exit_code == 1
    assert "1 rejected" in done.output
    assert "like 99/99/9999 99:99:99; say how times are written with time_format" in done.output
    assert run("log.csv", "--tz", "UTC").exit_code == 0
    assert run("log.csv", "--tz", "UTC").exit_code == 0


def test_imports_and_rejects_are_listed(tmp_path):
    assert "Nothing was imported" in command("imports").output
    assert "No row was rejected" in command("rejects").output
    rows = [*event_rows(2), *[("+12025550123", f"broken {place}") for place in range(8)]]
    (tmp_path / "more.csv").write_text(csv_text(rows), encoding="utf-8")
    run("log.csv", "--tz", "UTC")
    done = run("more.csv", "--tz", "UTC")

    import_id = done.output.rsplit("--import ", 1)[1].split()[0]
    listed = command("imports").output
    assert import_id in listed
    assert "more.csv" in listed
    of_one = command("rejects", "--import", import_id).output
    assert len(of_one.splitlines()) == 8
    assert "more.csv line 8: 2 fields where the header has 7: +1•••••123,broken 0" in of_one
    assert len(command("rejects").output.splitlines()) == 9
    assert "7 more" in command("rejects", "--limit", "2").output


def test_rates_of_a_log_with_local_times_are_told_how_to_name_its_zone():
    refused = command("rates", "--calls", "log.csv")
    shown = command("rates", "--calls", "log.csv", "--calls-tz", "Europe/London")

    assert isinstance(refused.exception, TimestampError)
    assert "--calls-tz" in str(refused.exception)
    assert shown.exit_code == 0, shown.output
    assert "answered" in shown.output
    assert "imilab: 1 of 13 rows could not be read; the first: log.csv line 14" in shown.stderr


@pytest.mark.parametrize("words", [("rates",), ("compare",), ("report", "x.html")])
def test_calls_may_be_elsewhere_with_options(words, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "imilab.logs.sources.file_system", lambda url, options: asked.append((url, dict(options))) or 1 / 0
    )
    command(*words, "--calls", "s3://b/k.zip", "--calls-option", "profile=lab", "--calls-option", "anon=true")
    run("s3://b/k.zip", "--option", 'client_kwargs={"region_name": "eu-west-1"}', "--known-hosts", "x")

    assert asked == [
        ("s3://b/k.zip", {"profile": "lab", "anon": True}),
        ("s3://b/k.zip", {"client_kwargs": {"region_name": "eu-west-1"}, "known_hosts": "x"}),
    ]


@pytest.mark.parametrize("words", [("--option", "secret"), ("--option", "a={"), ("--column", "x")])
def test_a_word_of_another_form_is_refused(words):
    assert isinstance(run("log.csv", *words).exception, InvalidInputError)
