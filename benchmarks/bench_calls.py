"""Receipts as JSON lines -> calls -> hourly rates: imilab's public way, DuckDB's SQL written by hand, and pandas.

Each run is a process of its own that has read a thousand receipts before, so that imports are not counted. All sides
must come to the same counts. What they do besides:

- imilab lazy: ``rates(read_calls(path, lazy=True), by=hour("UTC"))``. Every line is held against the form of the first
  ones, odd ones are read again, receipts that came twice are dropped, numbers are masked, and their keys, countries
  and types are there, looked up once a number.
- imilab: the same as a pandas DataFrame, ``rates(read_calls(path), by=hour("UTC"))``.
- imilab trusted: ``read_calls(path, lazy=True, trusted=True)``, which does as the SQL by hand and counts what it leaves
  out.
- by hand: full numbers, no keys, countries or types; a receipt that comes twice counts twice, and a line that is no
  receipt is left out unseen.
- checked: the same, with a DISTINCT over the receipts.
- pandas: what the rates need, and nothing else.

    python benchmarks/bench_calls.py [--receipts 4000000] [--runs 3] [--pandas-runs 1]
"""

from __future__ import annotations

import argparse
import calendar
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AS_OF_MS, HORIZON_MS = 1_795_000_000_000, 1_800_000
HOUR_MS = 3_600_000
OUTCOMES = {
    "7401": "no_answer",
    "7402": "busy",
    "7406": "rejected",
    "7404": "other",
    "7409": "dropped",
    "7208": "expired",
}

_MADE = """
COPY (
    WITH k AS (
        SELECT i, hash(i) AS h, (1790000000000 + (i * 2419200000) // $calls)::BIGINT AS t0 FROM range($calls) r(i)
    ), e AS (
        SELECT i, t0 AS ms, 'OFFERED' AS s, '7407' AS code, 'Call offered' AS d FROM k
        UNION ALL SELECT i, t0 + 300 + h % 200, 'ACCEPTED', '7408', 'Call accepted' FROM k
        UNION ALL SELECT i, t0 + 4000 + h % 20000, CASE WHEN h % 100 < 55 THEN 'ANSWERED' ELSE 'REJECTED' END,
            CASE WHEN h % 100 < 55 THEN '7519' WHEN h % 100 < 75 THEN '7401' WHEN h % 100 < 90 THEN '7402'
                WHEN h % 100 < 97 THEN '7406' ELSE '7999' END, 'Third event' FROM k
        UNION ALL SELECT i, t0 + 30000 + h % 40000, CASE WHEN h % 3 = 0 THEN 'DISCONNECTED' ELSE 'RELEASED' END,
            CASE WHEN h % 3 = 0 THEN '7410' ELSE '' END, 'The end' FROM k WHERE h % 100 < 55
        UNION ALL SELECT i, t0 + 30000 + h % 40000, 'RELEASED', '', 'The end' FROM k WHERE h % 100 >= 55
    )
    SELECT '...' AS "deliveryTransInfo", {
        'deliveryInfo': {
            'timeStamp': strftime(make_timestamp((ms * 1000)::BIGINT), '%Y-%m-%dT%H:%M:%S.%g') || 'Z',
            'Description': d, 'code': code, 'deliveryChannel': 'voice', 'additionalInfo': '',
            'destination': '+1202555' || lpad((100 + i % 100)::VARCHAR, 4, '0'), 'destinationType': 'msisdn',
            'deliveryStatus': s},
        'subtid': '', 'transid': md5(i::VARCHAR), 'callbackData': '', 'correlationid': md5((i + 10**9)::VARCHAR)
    } AS "deliveryInfoNotification"
    FROM e ORDER BY hash(ms, s, i)
) TO '{path}' (FORMAT json)
"""

_BY_HAND = """
CREATE TEMP TABLE calls AS
WITH receipts AS (
    {select} n.transid AS message_id, n.correlationid AS correlation_id, n."deliveryInfo".code AS code,
        n."deliveryInfo"."deliveryStatus" AS status, n."deliveryInfo".destination AS msisdn,
        epoch_ms(n."deliveryInfo"."timeStamp"::TIMESTAMP) AS ms
    FROM (
        SELECT "deliveryInfoNotification" AS n FROM read_json('{path}', format = 'newline_delimited', columns = {{
            "deliveryInfoNotification": 'STRUCT("deliveryInfo" STRUCT("timeStamp" VARCHAR, code VARCHAR,
                destination VARCHAR, "deliveryStatus" VARCHAR), transid VARCHAR, correlationid VARCHAR)'}},
            ignore_errors = true)
    ) WHERE n.transid <> ''
), events AS (
    SELECT *, code IN ('7410', '7409') OR status = 'RELEASED' AS ended,
        code IN ('7401', '7402', '7404', '7406', '7409', '7208') OR (status = 'REJECTED' AND code <> '7519') AS failed
    FROM receipts
), folded AS (
    SELECT message_id, max(correlation_id) AS correlation_id, max(msisdn) AS msisdn,
        min(ms) FILTER (code = '7407') AS offered_ms, min(ms) FILTER (code = '7408') AS accepted_ms,
        min(ms) FILTER (code = '7519') AS answered_ms, bool_or(code = '7410') AS hung_up,
        bool_or(code IN ('7411', '7412')) AS transferred, min(ms) AS first_ms,
        arg_max(code, ms) FILTER (failed) AS failure, max(ms) FILTER (failed) AS failed_ms,
        min(ms) FILTER (ended) AS end_ms,
        arg_min(CASE WHEN code = '' THEN status ELSE code END, ms) FILTER (ended) AS ended_by,
        count(*) FILTER (code NOT IN ('7407', '7408', '7519', '7411', '7412', '7410', '7401', '7402', '7404', '7406',
            '7409', '7208', '')) AS unknown_receipts, count(*) AS receipts
    FROM events GROUP BY message_id
), decided AS (
    SELECT *, CASE WHEN answered_ms IS NOT NULL OR hung_up THEN 'answered' WHEN failure IS NOT NULL THEN
            CASE failure {outcomes} ELSE 'other' END
        WHEN end_ms IS NOT NULL THEN 'other' WHEN {as_of} - first_ms > {horizon} THEN 'lost' ELSE 'pending' END
        AS outcome
    FROM folded
)
SELECT *, CASE WHEN outcome = 'answered' THEN end_ms ELSE coalesce(failed_ms, end_ms) END AS ended_ms,
    CASE WHEN outcome = 'answered' THEN (answered_ms - coalesce(accepted_ms, offered_ms)) / 1000.0
        ELSE (coalesce(failed_ms, end_ms) - coalesce(accepted_ms, offered_ms)) / 1000.0 END AS ring_seconds,
    CASE WHEN outcome = 'answered' THEN (end_ms - answered_ms) / 1000.0 END AS talk_seconds,
    answered_ms IS NULL AND hung_up AS answer_inferred
FROM decided
"""
_RATES_BY_HAND = f"""
SELECT offered_ms // {HOUR_MS} AS hour, outcome, count(*) AS calls, sum(count(*)) OVER (PARTITION BY hour) AS n
FROM calls GROUP BY hour, outcome
"""
Counts = dict[tuple[int, str], int]


class _Clock:
    """Seconds and processor seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._started[0], time.process_time() - self._started[1]


def by_imilab_lazy(path: Path) -> tuple[tuple[float, float], Counts]:
    return _by_imilab(path, lazy=True)


def by_imilab_trusted(path: Path) -> tuple[tuple[float, float], Counts]:
    return _by_imilab(path, lazy=True, trusted=True)


def by_imilab(path: Path) -> tuple[tuple[float, float], Counts]:
    return _by_imilab(path)


def _by_imilab(path: Path, **how: bool) -> tuple[tuple[float, float], Counts]:
    import imilab

    started = _Clock()
    rows = imilab.rates(imilab.read_calls(path, progress=False, **how), by=imilab.hour("UTC")).rows
    seconds = started.read()
    hours = [calendar.timegm(time.strptime(name[:16], "%Y-%m-%d %H:%M")) // 3600 for name in rows["hour"]]
    counted = zip(hours, rows["outcome"], rows["count"], strict=True)
    return seconds, {
        (at, name): int(count) for at, name, count in counted if count and name not in {"completed", "early_hangup"}
    }


def by_hand_checked(path: Path) -> tuple[tuple[float, float], Counts]:
    return by_hand(path, "SELECT DISTINCT")


def by_hand(path: Path, select: str = "SELECT") -> tuple[tuple[float, float], Counts]:
    import duckdb

    outcomes = " ".join(f"WHEN '{code}' THEN '{name}'" for code, name in OUTCOMES.items())
    started = _Clock()
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            _BY_HAND.format(path=path, select=select, outcomes=outcomes, as_of=AS_OF_MS, horizon=HORIZON_MS)
        )
        rows = connection.execute(_RATES_BY_HAND).fetchall()
        seconds = started.read()
    return seconds, {(int(at), name): count for at, name, count, _ in rows}


def by_pandas(path: Path) -> tuple[tuple[float, float], Counts]:
    import pandas as pd

    started = _Clock()
    frame = pd.read_json(path, lines=True, dtype=False)
    notes = frame.pop("deliveryInfoNotification")
    infos = notes.map(lambda note: note["deliveryInfo"])
    events = pd.DataFrame(
        {
            "call": notes.map(lambda note: note["transid"]),
            "code": infos.map(lambda info: info["code"]),
            "status": infos.map(lambda info: info["deliveryStatus"]),
            "at": pd.to_datetime(infos.map(lambda info: info["timeStamp"]), utc=True)
            .astype("datetime64[ms, UTC]")
            .astype("int64"),
        }
    )
    calls = pd.DataFrame({"offered": events[events["code"] == "7407"].groupby("call")["at"].min()})
    calls["answered"] = events[events["code"].isin(["7519", "7410"])].groupby("call")["at"].min()
    calls["released"] = events[events["status"] == "RELEASED"].groupby("call")["at"].min()
    failed = events[events["status"].isin(["REJECTED", "DROPPED", "MESSAGE EXPIRED"])].sort_values("at")
    calls["failure"] = failed.groupby("call")["code"].last().map(OUTCOMES).fillna("other")
    calls["outcome"] = calls["failure"]
    calls.loc[calls["answered"].notna(), "outcome"] = "answered"
    calls.loc[calls["outcome"].isna() & calls["released"].notna(), "outcome"] = "other"
    calls["outcome"] = calls["outcome"].fillna("pending")
    counts = calls.groupby([(calls["offered"] // HOUR_MS).astype("int64"), "outcome"]).size()
    counts / counts.groupby(level=0).transform("sum")
    seconds = started.read()
    return seconds, {(int(at), str(name)): int(count) for (at, name), count in counts.items()}


SIDES = {
    "imilab trusted": by_imilab_trusted,
    "imilab lazy": by_imilab_lazy,
    "imilab": by_imilab,
    "by hand": by_hand,
    "checked": by_hand_checked,
    "pandas": by_pandas,
}


def run(side: str, path: Path) -> dict[str, float]:
    """One side in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, "--file", str(path)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def show(side: str, path: Path) -> None:
    SIDES[side](path.with_name("few.jsonl"))
    (seconds, cpu), counts = SIDES[side](path)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    facts = {"seconds": seconds, "cpu": cpu, "gb": int(peak.split()[1]) / 2**20}
    print(json.dumps({**facts, "counts": hash(tuple(sorted(counts.items()))), "calls": sum(counts.values())}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--receipts", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pandas-runs", type=int, default=1)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.side:
        show(options.side, options.file)
        return
    os.environ["PYTHONHASHSEED"] = "0"
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="imilab-bench-") as folder:
        path = Path(folder) / "receipts.jsonl"
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SET preserve_insertion_order = false")
            for target, calls in ((path, options.receipts // 4), (path.with_name("few.jsonl"), 250)):
                connection.execute(_MADE.replace("{path}", str(target)), {"calls": calls})
        print(f"{options.receipts:,} receipts, {path.stat().st_size / 1e9:.2f} GB of JSON lines")
        found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for number in range(max(options.runs, options.pandas_runs)):
            for side in SIDES:
                if number < (options.pandas_runs if side == "pandas" else options.runs):
                    found[side].append(run(side, path))
    told = {one["counts"] for runs in found.values() for one in runs}
    assert len(told) == 1, "the sides come to different counts"
    medians = {
        side: {name: statistics.median(one[name] for one in runs) for name in ("seconds", "cpu", "gb")}
        for side, runs in found.items()
        if runs
    }
    for side, one in medians.items():
        runs = len(found[side])
        print(f"{side:14} {one['seconds']:7.2f} s, CPU {one['cpu']:7.2f} s, {one['gb']:5.2f} GB ({runs} runs)")
    for ours in ("imilab trusted", "imilab lazy", "imilab"):
        for side, one in medians.items():
            if not side.startswith("imilab"):
                ratios = ", ".join(f"{name} {medians[ours][name] / one[name]:.3f}" for name in ("seconds", "cpu", "gb"))
                print(f"{ours} to {side}: {ratios}")


if __name__ == "__main__":
    main()
