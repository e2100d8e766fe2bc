"""The file of the do-not-call list changes while a send runs: who is added is not called, and a lost list stops it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from imilab.errors import ConfigError
from imilab.send.do_not_call_file import DoNotCallFile
from tests.send_rig import SendRig, number, numbers

KEY = b"k" * 32


def write(path: Path, *listed: str) -> None:
    path.write_text("\n".join(["msisdn", *listed, ""]), encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "dnc.csv", number(0))
    return tmp_path / "dnc.csv"


def test_who_is_added_to_the_file_is_on_the_list_a_second_later(path: Path):
    now = [0.0]
    listed = DoNotCallFile(path, KEY, now=lambda: now[0])
    version = listed.version
    write(path, number(0), number(1))

    now[0] = 0.9
    listed.look_again()
    assert (number(1) in listed, listed.version) == (False, version)
    now[0] = 1.0
    listed.look_again()
    assert (number(1) in listed, listed.version) == (True, version + 1)
    now[0] = 2.0
    listed.look_again()
    assert listed.version == version + 1


def test_a_file_of_the_same_length_and_time_has_changed_too(path: Path):
    now = [0.0]
    listed = DoNotCallFile(path, KEY, now=lambda: now[0])
    before = path.stat()
    write(path, number(1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now[0] = 1.0
    listed.look_again()

    assert number(1) in listed


def test_who_leaves_the_list_stays_on_it_until_the_next_send(path: Path):
    """A file that is being written holds few of its numbers for a moment."""
    now = [0.0]
    listed = DoNotCallFile(path, KEY, now=lambda: now[0])
    for moment, entries in ((1.0, ()), (2.0, (number(1),))):
        write(path, *entries)
        now[0] = moment
        listed.look_again()
        assert number(0) in listed
    listed.refresh()

    assert (number(0) in listed, number(1) in listed) == (False, True)


def remove(path: Path) -> None:
    path.unlink()


def spoil(path: Path) -> None:
    path.write_text("msisdn\nnobody\n", encoding="utf-8")


@pytest.mark.parametrize("lose", [remove, spoil])
def test_a_list_that_cannot_be_read_any_more_is_told(path: Path, lose: Callable[[Path], None]):
    now = [0.0]
    listed = DoNotCallFile(path, KEY, now=lambda: now[0])
    lose(path)
    now[0] = 1.0
    with pytest.raises(ConfigError, match="do_not_call"):
        listed.look_again()

    assert number(0) in listed


def test_without_a_file_nobody_is_listed():
    listed = DoNotCallFile(None, KEY)
    listed.look_again()

    assert number(0) not in listed


def during_a_send(rig: SendRig, calls: int, act: Callable[[], object]) -> str:
    """Send calls, act once the first has arrived, and return the summary."""
    acting = threading.Thread(target=lambda: rig.wait_for(lambda: rig.arrivals) and act())
    acting.start()
    summary = str(rig.send(rig.plan(numbers(calls))))
    acting.join()
    return summary


def test_who_is_put_on_the_list_while_a_send_runs_is_not_called(tmp_path: Path, path: Path):
    write(path)
    late = [number(38), number(39)]
    with SendRig(tmp_path, time_scale=1.0, calls_per_second=16, do_not_call=path) as rig:
        summary = during_a_send(rig, 40, lambda: write(path, *late))

        assert "38 calls sent" in summary
        assert "2 refused: on the do-not-call list" in summary
        assert rig.placed() == dict.fromkeys(numbers(38), 1)
        assert {rig.states()[msisdn] for msisdn in late} == {"rejected"}


@pytest.mark.parametrize("lose", [remove, spoil])
def test_a_list_that_is_lost_while_a_send_runs_stops_it(tmp_path: Path, path: Path, lose: Callable[[Path], None]):
    with SendRig(tmp_path, time_scale=1.0, calls_per_second=10, do_not_call=path, receives=False) as rig:
        summary = during_a_send(rig, 60, lambda: lose(path))

        assert "; stopped: do_not_call: " in summary
        assert summary.endswith("then send the plan again")
        assert "5550" not in summary
        assert 5 < len(rig.arrivals) < 30
        assert rig.count_states() == {"accepted": len(rig.arrivals), "rejected": 1, "planned": 59 - len(rig.arrivals)}
