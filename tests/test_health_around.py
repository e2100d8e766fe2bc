"""`health` on any engine, on small tables, and where something is missing."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from imilab.comparison.balance import health
from imilab.errors import InvalidInputError
from tests.calls_factory import make_calls


def test_any_engine_and_any_order_give_the_same() -> None:
    calls = make_calls(400, seed=3)
    here = health(calls).checks
    pd.testing.assert_frame_equal(health(duckdb.from_df(calls)).checks, here)
    pd.testing.assert_frame_equal(health(calls.sample(frac=1, random_state=1)).checks, here)


def test_a_small_table_of_two_columns_is_enough() -> None:
    found = health(pd.DataFrame({"voice": ["x", "y"] * 5, "outcome": ["busy"] * 10}), arm="voice")
    assert found.ok
    assert found.to_text()


def test_calls_without_an_arm_are_counted_and_left_out() -> None:
    calls = make_calls(40)
    calls.loc[0, "arm"] = None
    assert "Calls without arm, left out: 1." in health(calls).footnotes


def test_what_cannot_be_used_is_refused() -> None:
    calls = make_calls(20)
    for wrong, match in (({"arm": "none"}, "no such column"), ({"arm": "error_code"}, "became of a call")):
        with pytest.raises(InvalidInputError, match=match):
            health(calls, **wrong)
    with pytest.raises(InvalidInputError, match="two arms"):
        health(calls.assign(arm="a"))
