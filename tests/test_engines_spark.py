"""Spark on this machine: the same definitions come to the same numbers as on DuckDB, across a change of the clock."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import pytest

import imilab
from imilab.calls import CALL_COLUMNS
from imilab.engines import open_engine
from imilab.rate_table import rates
from tests.engines_agree import (
    GROUPS,
    QUICK,
    answers,
    assert_same,
    calls_by,
    calls_by_plain_sql,
    local_spark,
    make_tables,
)
from tests.receipt_lines import line

CALLS = 1_500
ASKED = ("nothing", "voice", "hour in Europe/London", "weekday in Australia/Lord_Howe")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agree")
    make_tables(made, CALLS)
    return made


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("pyspark", reason='pyspark is missing: pip install "imilab[spark]"')
    if shutil.which("java") is None:
        pytest.skip("Java is missing; .ci/test_programs.sh installs it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark speaks of the pandas that it was written for
        with local_spark(tmp_path_factory.mktemp("spark"), QUICK) as session:
            yield session


pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets between Python and Java
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark"),
]


@pytest.fixture(scope="session")
def expected(folder: Path) -> dict[str, pd.DataFrame]:
    with closing(open_engine()) as engine:
        return answers(calls_by(engine, folder))


def test_duckdb_and_the_plain_sql_agree_on_every_rate(folder: Path, expected: dict[str, pd.DataFrame]) -> None:
    assert_same(answers(calls_by_plain_sql(folder)), expected)
    assert expected["nothing"]["n"].max() > CALLS * 0.9
    assert {"2026-10-25 01:00+00:00", "2026-10-25 01:00+01:00"} < set(expected["hour in Europe/London"]["hour"])


def test_spark_agrees_on_every_rate_and_comparison(spark: Any, folder: Path, expected: dict[str, pd.DataFrame]) -> None:
    found = answers(calls_by(open_engine(spark), folder), ASKED)

    assert_same(found, {name: expected[name] for name in found})


def test_spark_folds_the_same_calls(spark: Any, folder: Path) -> None:
    with closing(open_engine()) as engine, closing(open_engine(spark)) as cluster:
        here = calls_by(engine, folder).to_arrow_table().sort_by("call_id")
        there = cluster.collect(nw.from_native(calls_by(cluster, folder))).sort_by("call_id")

    assert tuple(there.column_names) == CALL_COLUMNS
    assert there.to_pydict() == here.to_pydict()


def test_times_of_sparks_own_type_are_bucketed_alike(
    spark: Any, folder: Path, expected: dict[str, pd.DataFrame]
) -> None:
    from pyspark.sql import functions

    calls = calls_by(open_engine(spark), folder)
    for name in ("requested", "offered"):
        moment = functions.timestamp_millis(functions.col(f"{name}_at_ms"))
        calls = calls.withColumn(f"{name}_at", moment).drop(f"{name}_at_ms")
    name = "hour in Europe/London"
    assert_same({name: rates(calls, by=GROUPS[name]).to_pandas()}, {name: expected[name]})


def test_a_lab_and_read_calls_run_on_a_session_unchanged(spark: Any, tmp_path: Path) -> None:
    events = (("OFFERED", "7407", "09:00:00"), ("ANSWERED", "7519", "09:00:05"), ("REJECTED", "7402", "09:00:09"))
    lines = [
        line(f"2026-03-02T{time}.000Z", transid=f"m{number}", deliveryStatus=status, code=code)
        for number in range(4)
        for status, code, time in events[: 1 + number % 3]
    ]
    log = tmp_path / "receipts.jsonl"
    log.write_text("\n".join(lines), encoding="utf-8")
    settings = imilab.Settings(store=tmp_path / "lab.sqlite", number_key="00" * 32)
    with imilab.Lab(settings) as lab:
        lab.import_logs(log, progress=False)
        here = lab.calls()
    with imilab.Lab(settings, engine=spark) as lab:
        pd.testing.assert_frame_equal(lab.calls(), here)
        table = lab.calls_table()
        assert type(table).__module__.startswith("pyspark.sql")
        assert sorted(row["msisdn"] for row in table.collect()) == sorted(here["msisdn"])

    read = [imilab.read_calls(log, engine=engine, progress=False) for engine in (None, spark)]
    pd.testing.assert_frame_equal(read[1], read[0])
    assert len(here) == len(read[0]) == 4
