"""The statistics from the command line, on the committed sample."""

from __future__ import annotations

from pathlib import Path

import pytest

import imilab as library
from tests.command_line import imilab

CALLS = str(Path(__file__).parents[1] / "data-samples" / "calls.csv")
PLAN = ("--rate", "0.32", "--mde", "0.09", "--power", "0.8", "--arms", "3")


def test_power_says_how_many_calls_and_shows_the_looks(tmp_path: Path) -> None:
    design = library.power(baseline=0.55, mde=0.05, power=0.8, looks=5)
    done = imilab("power", "--rate", "0.55", "--mde", "0.05", "--power", "0.8", "--looks", "5", folder=tmp_path)
    assert done.stdout.strip() == str(design)


@pytest.mark.parametrize("looks", ["1", "5", "any"])
def test_monitor_decides_as_the_library_does(tmp_path: Path, looks: str) -> None:
    design = library.power(
        baseline=0.32, mde=0.09, power=0.8, arms=3, looks="any" if looks == "any" else int(looks), spending="pocock"
    )
    watched = library.monitor(library.read_calls(CALLS), design, outcome="completed", baseline="ryan")
    options = ("--looks", looks, "--spending", "pocock", "--outcome", "completed", "--baseline", "ryan")
    done = imilab("monitor", *PLAN, *options, "--calls", CALLS, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(watched)


def test_rates_compare_power_and_simulate_aa_take_the_options_of_the_library(tmp_path: Path) -> None:
    calls = library.read_calls(CALLS)
    by_hour = library.hour_of_day("Europe/London")
    within = library.compare(
        calls, outcome="completed", denominator="placed", confidence=0.9, clusters="fixed", strata=by_hour, margin=-0.05
    )
    planned = library.power(baseline=0.55, mde=0.05, power=0.8, margin=-0.02, icc=0.3, calls_per_number=3)
    printed = {
        ("rates", "--denominator", "placed", "--confidence", "0.99", "--calls", CALLS): library.rates(
            calls, denominator="placed", confidence=0.99
        ),
        (
            *("compare", "--outcome", "completed", "--denominator", "placed", "--confidence", "0.9", "--margin=-0.05"),
            *("--clusters", "fixed", "--strata", "hour_of_day", "--tz", "Europe/London", "--calls", CALLS),
        ): within,
        ("compare", "--method", "newcombe", "--clusters", "ignore", "--calls", CALLS): library.compare(
            calls, method="newcombe", clusters="ignore"
        ),
        (
            *("power", "--rate", "0.55", "--mde", "0.05", "--power", "0.8", "--margin=-0.02"),
            *("--icc", "0.3", "--calls-per-number", "3"),
        ): planned,
        ("simulate-aa", "--runs", "50", "--seed", "3", "--calls", CALLS): library.simulate_aa(calls, runs=50, seed=3),
    }
    for words, found in printed.items():
        done = imilab(*words, folder=tmp_path)
        assert (done.returncode, done.stdout.strip()) == (0, str(found).strip()), words[0]


def test_durations_health_and_breakdown_print_what_the_library_finds(tmp_path: Path) -> None:
    calls = library.read_calls(CALLS)
    printed = {
        "durations": str(library.durations(calls, baseline="ryan")),
        "health": str(library.health(calls)),
        "breakdown": str(library.breakdown(calls, library.hour_of_day("Europe/London"), baseline="ryan")),
    }
    words = {
        "durations": ("--baseline", "ryan"),
        "health": (),
        "breakdown": ("--by", "hour_of_day", "--tz", "Europe/London", "--baseline", "ryan"),
    }
    for command, expected in printed.items():
        done = imilab(command, *words[command], "--calls", CALLS, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == expected.strip()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("power", "--rate", "0.5", "--looks", "often"), "--looks"),
        (("power", "--rate", "0.5", "--spending", "haybittle"), "obrien_fleming or pocock"),
        (("power", "--rate", "0.5"), "power"),
        (("breakdown", "--by", "contry", "--calls", CALLS), "country"),
        (("monitor", *PLAN, "--calls", "no-such.csv"), "no-such.csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = imilab(*words, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("imilab: ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
