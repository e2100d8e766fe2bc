"""DuckDB, Spark and the plain SQL on the same calls: ``python -m tests.engines_agree --calls 1000000``."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from imilab.buckets import day, hour, hour_of_day, weekday
from imilab.calls import CALL_COLUMNS, fold_calls
from imilab.comparison import compare
from imilab.engines import Engine, open_engine
from imilab.rate_table import rates
from tests.calls_oracle import HORIZON_MS, ORACLE

ZONES = ("Europe/London", "Australia/Lord_Howe")
CHANGE_MS = 1_792_890_000_000  # 2026-10-25 01:00 UTC, when London's clock went back
SPAN_MS = 8 * 86_400_000
AS_OF_MS = CHANGE_MS + SPAN_MS // 2 + 600_000
GROUPS: dict[str, Any] = {
    "nothing": None,
    "voice": "voice",
    "error code": "error_code",
    "voice and day": ["voice", day("Asia/Kolkata")],
    **{f"{make.__name__} in {tz}": make(tz) for make in (hour, day, weekday, hour_of_day) for tz in ZONES},
}

# A third of the calls is not ours; some receipts are missing, doubled in words, odd, or without a time.
_MADE = """
CREATE TABLE made AS
SELECT i, hash(i) AS h, ($change - $span // 2 + (i * $span) // $calls)::BIGINT AS t0 FROM range($calls) r(i);
CREATE TABLE told AS
SELECT i, h, t0 AS at_ms, 'OFFERED' AS status, '7407' AS code FROM made WHERE h % 53 <> 0
UNION ALL SELECT i, h, (t0 + 300 + h % 200)::BIGINT, 'Accepted', '7408' FROM made WHERE h % 47 <> 0
UNION ALL SELECT i, h, (t0 + 4000 + h % 20000)::BIGINT,
    CASE WHEN h % 100 < 55 THEN 'ANSWERED' WHEN h % 100 < 98 THEN 'REJECTED' ELSE 'MESSAGE_EXPIRED' END,
    CASE WHEN h % 100 < 55 THEN '7519' WHEN h % 100 < 70 THEN '7401' WHEN h % 100 < 80 THEN ' 7402'
        WHEN h % 100 < 90 THEN '7406' WHEN h % 100 < 95 THEN '7999' ELSE '' END
    FROM made WHERE h % 41 <> 0
UNION ALL SELECT i, h, CASE WHEN h % 31 <> 0 THEN (t0 + 9000 + h % 40000)::BIGINT END,
    CASE WHEN h % 3 = 0 THEN 'DISCONNECTED' ELSE 'released' END, CASE WHEN h % 3 = 0 THEN '7410' ELSE '' END
    FROM made WHERE h % 37 <> 0
UNION ALL SELECT i, h, t0 + 5, 'PARKED', '' FROM made WHERE h % 29 = 0;
COPY (
    SELECT CASE WHEN h % 23 = 0 THEN '' ELSE md5(i::VARCHAR) END AS message_id,
        md5((i + 10**9)::VARCHAR) AS correlation_id, status, code, at_ms AS event_at_ms,
        (at_ms + 7000)::BIGINT AS received_at_ms,
        '+1202555' || lpad((100 + i % 100)::VARCHAR, 4, '0') AS msisdn,
        md5((h % ($calls // 3 + 1))::VARCHAR) AS number_key, 'US' AS country, 'mobile' AS number_type
    FROM told
) TO '{folder}/receipts.parquet';
COPY (
    SELECT md5((i + 10**9)::VARCHAR) AS correlation_id, 'p' AS plan_id, i AS position, i // 4 AS block,
        NULL::VARCHAR AS stratum, 'blocks' AS design, 'lunch' AS campaign,
        CASE WHEN h % 2 = 0 THEN 'a' ELSE 'b' END AS arm,
        '+12025550123' AS msisdn, '+12025550100' AS caller_id, 'TTS' AS content_type, NULL::VARCHAR AS media_id,
        'en' AS language,
        'en-GB-' || CASE WHEN h % 2 = 0 THEN 'Ryan' ELSE 'Sonia' END AS voice, 'neural' AS voice_type, 'male' AS gender,
        'uksouth' AS region, (t0 - 50)::BIGINT AS send_at_ms,
        CASE WHEN h % 61 = 0 THEN 'rejected' WHEN h % 67 = 0 THEN 'planned' ELSE 'accepted' END AS state,
        CASE WHEN h % 59 <> 0 THEN md5(i::VARCHAR) END AS message_id, 400::BIGINT AS http_status, '7020' AS code,
        'no' AS message, (t0 - 100)::BIGINT AS requested_at_ms, md5((h % ($calls // 3 + 1))::VARCHAR) AS number_key,
        'US' AS country, 'mobile' AS number_type
    FROM made WHERE i % 3 <> 0
) TO '{folder}/requests.parquet';
"""


def make_tables(folder: Path, calls: int) -> None:
    """Write receipts.parquet and requests.parquet of so many calls, around an autumn night."""
    facts = {"calls": calls, "change": CHANGE_MS, "span": SPAN_MS}
    with duckdb.connect() as connection:
        for statement in filter(str.strip, _MADE.format(folder=folder).split(";")):
            used = {name: value for name, value in facts.items() if f"${name}" in statement}
            connection.execute(statement, used)


QUICK = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""For few rows: nothing is compiled, nothing is shuffled."""


@contextmanager
def local_spark(folder: Path, more: dict[str, str] | None = None) -> Iterator[Any]:
    """A Spark session of two threads on this machine, which speaks to nobody."""
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    options = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.log.level": "ERROR",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.session.timeZone": "America/Los_Angeles",  # must not matter
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("imilab")
    for name, value in (options | (more or {})).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def calls_by(engine: Engine, folder: Path) -> Any:
    """The calls table on an engine, kept there."""
    frames = [engine.parquet([folder / f"{name}.parquet"]) for name in ("receipts", "requests")]
    return engine.keep(fold_calls(*frames, as_of_ms=AS_OF_MS, horizon_ms=HORIZON_MS), "agree").to_native()


def calls_by_plain_sql(folder: Path) -> pd.DataFrame:
    """The calls table by the independent definition."""
    with duckdb.connect() as connection:
        for name in ("receipts", "requests"):
            connection.execute(f"CREATE VIEW {name} AS FROM '{folder}/{name}.parquet'")
        return connection.execute(ORACLE, {"as_of_ms": AS_OF_MS, "horizon_ms": HORIZON_MS}).df()[list(CALL_COLUMNS)]


def answers(calls: Any, groups: Iterable[str] = tuple(GROUPS)) -> dict[str, pd.DataFrame]:
    """Rates by everything, and a comparison."""
    found = {name: rates(calls, by=GROUPS[name]).to_pandas() for name in groups}
    found["compare"] = compare(calls, arm="voice", baseline="en-GB-Ryan", outcome="completed").to_pandas()
    return found


def assert_same(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    """Counts are equal, rates differ by less than 1e-12."""
    assert list(found) == list(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(
            found[name], table, check_exact=False, rtol=0, atol=1e-12, check_dtype=False, obj=name
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    count = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tables(folder, count)
        started = time.perf_counter()
        with closing(open_engine()) as engine:
            table = calls_by(engine, folder)
            expected, rows = answers(table), len(table)
        print(f"DuckDB: {rows:,} calls in {time.perf_counter() - started:.1f} s")  # noqa: T201 - a script's answer
        started = time.perf_counter()
        plain = calls_by_plain_sql(folder)
        assert len(plain) == rows
        assert_same(answers(plain), expected)
        print(f"plain SQL: the same in {time.perf_counter() - started:.1f} s")  # noqa: T201 - a script's answer
        with local_spark(folder) as session:
            started = time.perf_counter()
            assert_same(answers(calls_by(open_engine(session), folder)), expected)
            print(f"Spark: the same in {time.perf_counter() - started:.1f} s")  # noqa: T201 - a script's answer


if __name__ == "__main__":
    main()
