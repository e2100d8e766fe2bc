"""What `rates` refuses, and the way out that it names."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from imilab.buckets import hour_of_day
from imilab.errors import InvalidInputError
from imilab.rate_table import rates
from tests.calls_factory import frame_from, make_calls


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "voise"}, r"voise: no such column; did you mean 'voice'"),
        ({"by": "outcome"}, "row for each outcome already"),
        ({"by": ["voice", "voice"]}, "given twice"),
        ({"by": [hour_of_day("UTC"), hour_of_day("Asia/Kolkata")]}, "given twice"),
        ({"by": 3}, "by: "),
        ({"by": [3]}, "neither a column's name nor a time bucket"),
        ({"outcomes": "complete"}, "did you mean 'completed'"),
        ({"outcomes": "pending"}, "denominator='placed'"),
        ({"outcomes": ["not_placed"]}, "denominator='attempted'"),
        ({"denominator": "all"}, "denominator"),
        ({"confidence": 95}, "confidence"),
        ({"early_hangup_seconds": -1}, "early_hangup_seconds"),
        ({"early_hangup_seconds": float("nan")}, "early_hangup_seconds"),
    ],
)
def test_a_wrong_question_is_refused_with_a_way_out(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        rates(make_calls(5), **options)


def test_a_column_named_like_a_measure_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="rename"):
        rates(make_calls(5).assign(rate=1), by="rate")


@pytest.mark.parametrize("outcome", ["ANSWERED", None])
def test_a_call_of_no_known_outcome_is_refused_not_dropped(outcome: Any) -> None:
    with pytest.raises(InvalidInputError, match="outcome: some calls have"):
        rates(frame_from([{"outcome": outcome}, {"outcome": "busy"}]))


@pytest.mark.parametrize("calls", [None, [1, 2], "calls.csv", pd.Series([1])])
def test_what_is_no_table_is_refused(calls: Any) -> None:
    with pytest.raises(InvalidInputError, match="calls: "):
        rates(calls)
