"""``imilab demo``: what it prints is what is in the SQLite file, and Ctrl-C ends it."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from imilab.cli.demo_command import DEMO_FILES
from tests.command_line import clean_environment, imilab

# Written from the platform's documentation, not from imilab's fold: one outcome a request, by its receipts' codes.
BY_HAND = """
SELECT q.arm,
  CASE WHEN sum(r.status = 'ANSWERED' OR r.code IN ('7519', '7410')) > 0 THEN 'answered'
       WHEN sum(r.code = '7402') > 0 THEN 'busy'
       WHEN sum(r.code = '7401') > 0 THEN 'no_answer'
       WHEN sum(r.code = '7406') > 0 THEN 'rejected'
       WHEN sum(r.code = '7409') > 0 THEN 'dropped' ELSE 'something else' END AS outcome,
  sum(r.status = 'RELEASED') > 0 AS heard_to_the_end
FROM requests AS q JOIN receipts AS r USING (correlation_id) GROUP BY correlation_id
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    done = imilab("demo", "--folder", "out", folder=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "out", done.stdout


def test_printed_outcomes_equal_those_recounted_from_the_sqlite_file(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    rows = sqlite3.connect(folder / "imilab.sqlite").execute(BY_HAND).fetchall()
    counts = Counter((arm, outcome) for arm, outcome, _ in rows)
    counts.update((arm, "completed") for arm, outcome, heard in rows if outcome == "answered" and heard)
    table = re.findall(r"^(ryan|sonia) +(\w+) +(\d+) +(\d+) ", printed, re.MULTILINE)
    shown = {(arm, outcome): int(count) for arm, outcome, count, _ in table if outcome != "early_hangup"}
    assert len(rows) == 400
    assert {place: count for place, count in shown.items() if count} == dict(counts)
    assert {(arm, int(n)) for arm, outcome, _, n in table if outcome == "answered"} == {("ryan", 200), ("sonia", 200)}


def test_demo_leaves_every_file_it_names(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    assert [name for name in DEMO_FILES if not (folder / name).stat().st_size] == []
    assert str(folder) in printed


def test_demo_tells_the_simulators_truth_beside_its_finding(demo: tuple[Path, str]) -> None:
    assert re.search(r"true difference in listening to the end: \+\d+\.\d points", demo[1])


def test_demo_shows_no_full_number(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    assert not re.search(r"\+1\d{10}", printed)
    for name in ("calls.csv", "report.html"):
        assert not re.search(r"\+1\d{10}", (folder / name).read_text(encoding="utf-8")), name


def test_demo_again_starts_afresh_in_the_same_folder(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    done = imilab("demo", "--folder", str(folder), "--calls", "20", folder=folder.parent)
    assert done.returncode == 0
    assert "20 calls sent" in done.stdout


def test_ctrl_c_ends_the_demo_and_leaves_no_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "imilab", "demo"],
        cwd=tmp_path,
        env=clean_environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    while "Sending" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "Traceback" not in errors
    left = subprocess.run(["ps", "-o", "pid=", "-s", str(process.pid)], capture_output=True, text=True, check=False)
    assert left.stdout.strip() == ""


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = imilab("demo", "--folder", "file/below", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("imilab: folder: cannot write there")
    assert "Traceback" not in done.stderr
