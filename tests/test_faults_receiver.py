"""A seeded sample of the receiver's faults; ``python -m tests.faults.receiver_sweep`` tries all of them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fork_server import why_no_strace
from tests.faults.receiver_points import Point, inside_points, space_points, syscall_points, timed_points, try_point
from tests.faults.receiver_process import Receivers
from tests.faults.receiver_sweep import why_no_mount

SEED = 20261123
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the fault suite forks its receivers")


@pytest.fixture(scope="module")
def receivers() -> Iterator[Receivers]:
    with Receivers() as one:
        yield one


def sample(points: Iterator[Point], count: int) -> list[Point]:
    return random.Random(SEED).sample(list(points), count)


def try_all(receivers: Receivers, folder: Path, points: list[Point]) -> int:
    """Try points, of which none may bring a finding; give how many were reached."""
    reached = 0
    for number, point in enumerate(points):
        happened, findings = try_point(receivers, folder / f"p{number}", point)
        assert findings == [], point
        reached += happened
    return reached


def test_a_receiver_killed_at_any_step_loses_no_acknowledged_body(receivers, tmp_path):
    assert try_all(receivers, tmp_path, sample(inside_points(), 4) + sample(timed_points(), 1)) >= 4


def test_a_receiver_killed_or_refused_at_a_system_call_loses_none(receivers, tmp_path):
    if reason := why_no_strace():
        pytest.skip(reason)
    early = [point for point in syscall_points() if point.what in {"pwrite64", "fdatasync"} and len(point.when) < 2]
    assert try_all(receivers, tmp_path, sample(iter(early), 4)) == 4
    for when in ("1+", "3+"):
        lasting = Point("failing", "fdatasync", when, "EIO")
        assert try_point(receivers, tmp_path / f"lasting{when}", lasting) == (True, [])


def test_without_space_it_answers_503_and_takes_everything_once_there_is_some(receivers, tmp_path):
    points = [point for point in space_points() if point.what != "disk" or not why_no_mount()]
    assert try_all(receivers, tmp_path, sample(iter(points), 3)) == 3


def test_the_suite_notices_a_receiver_that_answers_before_the_commit(receivers, tmp_path):
    found: list[str] = []
    for when in range(1, 7):
        point = Point("inside", "commit", str(when), "before")
        found += try_point(receivers, tmp_path / f"hasty{when}", point, hasty=True)[1]
        if any("acknowledged bodies are lost after the fault" in one for one in found):
            return
    raise AssertionError(found)
