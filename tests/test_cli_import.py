"""``imilab import``: a look first, a changed and saved mapping, the import, and what it says."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import imilab
from imilab.cli import app
from imilab.errors import TimestampError
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
