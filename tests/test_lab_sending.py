"""What the façade's sending verbs refuse before anything leaves, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import imilab
from imilab.errors import InvalidInputError
from tests.send_rig import RYAN, TEXT, number, numbers


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[imilab.Lab]:
    with imilab.Lab.simulated(folder=tmp_path_factory.mktemp("lab")) as opened:
        yield opened


WRONG: list[tuple[str, Callable[[imilab.Lab], object]]] = [
    ("plan", lambda lab: lab.send(None)),
    ("plan", lambda lab: lab.send(numbers(2))),
    ("calls_per_second", lambda lab: lab.send(lab.plan(numbers(1), {"a": RYAN}, TEXT), calls_per_second="20")),
    ("older_than_seconds", lambda lab: lab.reconcile(older_than_seconds="60")),
    ("older_than_seconds", lambda lab: lab.reconcile(older_than_seconds=-1)),
    ("timeout_seconds", lambda lab: lab.wait(None)),
    ("note", lambda lab: lab.resolve("c1", "accepted", 5)),
    ("days", lambda lab: lab.forget_old(True)),
    ("days", lambda lab: lab.forget_old(1.5)),
    ("days", lambda lab: lab.forget_old("30")),
    ("minutes_per_call", lambda lab: lab.plan(numbers(1), {"a": RYAN}, TEXT).summary(minutes_per_call="1")),
    ("calls", lambda lab: lab.go_live("5")),
    ("text", lambda lab: lab.call(number(0), RYAN, "Hello {first_name}")),
    ("text", lambda lab: lab.call(number(0), RYAN, "50 % off }")),
]


@pytest.mark.parametrize(("field", "act"), WRONG)
def test_what_cannot_be_used_is_an_error_that_names_it_and_nothing_leaves(lab: imilab.Lab, field: str, act):
    with pytest.raises(InvalidInputError) as refused:
        act(lab)

    assert refused.value.field == field
    assert lab.requests().empty


def test_a_single_call_says_a_brace_where_a_plan_would(tmp_path: Path):
    with imilab.Lab.simulated(folder=tmp_path) as lab:
        lab.call(number(0), RYAN, "Press {{1}}")

        assert list(lab.requests()["text"]) == ["Press {1}"]


def test_the_embedded_platform_lets_go_live_pass(tmp_path: Path):
    with imilab.Lab.simulated(folder=tmp_path) as lab:
        lab.go_live(calls=1)

        assert lab.send(lab.plan(numbers(3), {"ryan": RYAN}, TEXT), progress=False).sent == 3
