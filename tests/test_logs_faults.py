"""A seeded sample of the import's fault suite, and Ctrl-C; ``python -m tests.faults.import_sweep`` runs all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from imilab.archive import Archive
from tests.faults.import_rig import ImportRig
from tests.logs_factory import HEADER, bring_in, kept

SEED = 20261123
POINTS = 12
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the fault suite forks its imports")


def test_an_import_killed_or_broken_at_any_step_leaves_nothing_half_visible_and_finishes_when_run_again(tmp_path):
    rig = ImportRig(tmp_path)
    for point in rig.sample(POINTS, SEED):
        reached, findings = rig.try_point(point)

        assert reached or not point.fault, point
        assert findings == [], point


def test_ctrl_c_stops_an_import_and_leaves_nothing(tmp_path):
    line = b"m%d,c,OFFERED,7407,x,2026-03-02 10:00:00,+12025550101\n"
    (tmp_path / "log.csv").write_bytes(",".join(HEADER).encode() + b"\n" + b"".join(line % n for n in range(900_000)))
    program = (
        "import imilab, sys; imilab.Lab(imilab.Settings(tenant_zone='UTC')).import_logs('log.csv', progress=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE)
    incoming = tmp_path / "imilab.sqlite.archive" / ".incoming"
    until = time.monotonic() + 60
    while not list(incoming.glob("*/receipts-*.parquet")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert b"KeyboardInterrupt" in told
    archive = Archive(tmp_path / "imilab.sqlite.archive")
    assert archive.imports() == []
    assert not incoming.exists()
    assert bring_in(tmp_path / "log.csv", archive.folder).kept == len(kept(archive.folder)) == 900_000
