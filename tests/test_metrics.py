from __future__ import annotations

import duckdb
import narwhals as nw
import pytest

from imilab.errors import InvalidInputError
from imilab.metrics import DENOMINATORS, METRICS, End, check_denominator, end_of_call, metric
from imilab.terms import OUTCOMES
from tests.calls_factory import frame_from

ENDS = [
    ({"end_reason": None}, End.NOT_KNOWN),
    ({"end_reason": None, "talk_seconds": 3.0}, End.NOT_KNOWN),
    ({"end_reason": "released", "talk_seconds": 1.0}, End.RELEASED),
    ({"end_reason": "dropped", "talk_seconds": 1.0}, End.OTHER),
    ({"end_reason": "disconnected", "talk_seconds": 0.0}, End.HUNG_UP_EARLY),
    ({"end_reason": "disconnected", "talk_seconds": 5.0}, End.HUNG_UP_EARLY),
    ({"end_reason": "disconnected", "talk_seconds": 5.001}, End.HUNG_UP_LATER),
    ({"end_reason": "disconnected", "talk_seconds": None}, End.HUNG_UP_UNTIMED),
]


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_end_of_an_answered_call_is_told_alike_on_every_engine(engine: str) -> None:
    calls = frame_from([{"position": index, **row} for index, (row, _) in enumerate(ENDS)])
    frame = nw.from_native(calls if engine == "pandas" else duckdb.from_df(calls)).lazy()
    found = frame.select("position", end_of_call(5.0).alias("end")).collect().to_pandas().sort_values("position")
    assert found["end"].tolist() == [int(end) for _, end in ENDS]


def test_talk_time_that_is_not_a_number_on_duckdb_is_no_later_hangup() -> None:
    calls = duckdb.sql("SELECT 'disconnected' AS end_reason, 'NaN'::DOUBLE AS talk_seconds")
    found = nw.from_native(calls).select(end_of_call(5.0).alias("end")).collect().to_pandas()
    assert found["end"].tolist() == [End.HUNG_UP_UNTIMED]


def test_every_outcome_is_a_metric_and_two_are_heard() -> None:
    assert list(METRICS) == [*OUTCOMES, "completed", "early_hangup"]
    assert [one.name for one in METRICS.values() if one.heard] == ["completed", "early_hangup"]


def test_a_metric_fits_only_denominators_that_hold_its_calls() -> None:
    outside = {name: [one.name for one in METRICS.values() if not one.fits(name)] for name in DENOMINATORS}
    assert outside == {"resolved": ["pending", "not_placed"], "placed": ["not_placed"], "attempted": []}


def test_a_misspelt_metric_is_refused_with_the_near_one() -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'answered'"):
        metric("anwsered")


def test_an_unknown_denominator_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="resolved, placed, attempted"):
        check_denominator("all")
