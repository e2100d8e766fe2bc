"""Growth of an import: from a zip of export records to hourly rates, 1 to 100 million records.

``python benchmarks/bench_import.py`` runs 1 and 10 million, ``--thirty`` adds 30, ``--hundred`` 100; ``--quick`` runs
0.2 and 1 million. Each size runs in a process of its own, whose processor time and peak memory are measured; the engine
may use 3 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import duckdb

MILLION = 1_000_000
SPAN_DAYS = 30
MEMORY_LIMIT = "3GB"  # the default, a quarter of the machine's memory, would let the engine use that
MEMBER_RECORDS = 10 * MILLION

# Four events a call, three calls a person; ids and texts as long as the platform's.
EXPORT = """
COPY (
    SELECT
        substr(u, 1, 8) || '-' || substr(u, 9, 4) || '-4' || substr(u, 13, 3) || '-a' || substr(u, 16, 3) || '-'
            || substr(u, 19, 12) AS "Transaction ID",
        'batch-' || (call // 100000) AS "Correlation ID",
        CASE event WHEN 0 THEN 'OFFERED' WHEN 1 THEN 'ACCEPTED'
            WHEN 2 THEN CASE WHEN h % 100 < 55 THEN 'ANSWERED' ELSE 'REJECTED' END ELSE 'RELEASED' END
            AS "Delivery Status",
        CASE event WHEN 0 THEN '7407' WHEN 1 THEN '7408'
            WHEN 2 THEN CASE WHEN h % 100 < 55 THEN '7519' WHEN h % 100 < 75 THEN '7401' ELSE '7402' END ELSE '' END
            AS "Error Code",
        CASE event WHEN 0 THEN 'Call offered' WHEN 1 THEN 'Call accepted, placed' WHEN 2 THEN 'Call answered or not'
            ELSE 'Call released' END AS "Description",
        strftime(make_timestamp(1767225600000000 + (call * $step_us)::BIGINT + event * 7000000), '%Y-%m-%d %H:%M:%S')
            AS "Event Time",
        CASE WHEN h % 10 < 7 THEN '+1' || (200 + h % 750) || (2000000 + (h >> 20) % 8000000)
            ELSE '+447' || (100000000 + (h >> 24) % 899999999) END AS "Destination"
    FROM (SELECT n // 4 AS call, n % 4 AS event, md5((n // 4)::VARCHAR) AS u, hash(n // 4 % $people) AS h
        FROM range($first, $last) numbers(n))
) TO '{path}' (FORMAT csv, HEADER)
"""


def make_log(folder: Path, records: int) -> Path:
    """Write a zip of delimited text, in members of ten million records."""
    path = folder / f"export-{records}.zip"
    step_us = SPAN_DAYS * 86_400_000_000 / (records / 4)
    people = max(records // 12, 1)  # three calls each
    with duckdb.connect() as engine, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        engine.execute("SET memory_limit = '2GB'")
        for first in range(0, records, MEMBER_RECORDS):
            plain = folder / f"part-{first // MEMBER_RECORDS}.csv"
            values = {
                "first": first,
                "last": min(first + MEMBER_RECORDS, records),
                "step_us": step_us,
                "people": people,
            }
            engine.execute(EXPORT.replace("{path}", str(plain)), values)
            packed.write(plain, plain.name)
            plain.unlink()
    return path


def measure(path: str) -> None:
    """Import, fold and count by the hour; tell the times and the peak memory."""
    import imilab
    from imilab.config import Settings
    from imilab.lab import Lab

    folder = Path(path).parent
    times = {}
    settings = Settings(store=folder / "lab.sqlite", tenant_zone="Asia/Kolkata", memory_limit=MEMORY_LIMIT)
    with Lab(settings) as lab:
        started = time.monotonic()
        summary = lab.import_logs(path, progress=False)
        times["import"] = time.monotonic() - started
        calls = lab.calls_table()
        times["fold"] = time.monotonic() - started - times["import"]
        rates = imilab.rates(calls, by=imilab.hour(tz="Asia/Kolkata")).to_pandas()
        times["rates"] = time.monotonic() - started - times["import"] - times["fold"]
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak, cpu = used.ru_maxrss * 1024, used.ru_utime + used.ru_stime
    answered = int(rates.loc[rates["outcome"] == "answered", "count"].sum())
    print(json.dumps({**times, "peak": peak, "cpu": cpu, "counts": summary.counts, "answered": answered}))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--thirty", action="store_true")
    parser.add_argument("--hundred", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure")
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
        return 0
    sizes = [MILLION // 5, MILLION] if given.quick else [MILLION, 10 * MILLION]
    sizes += [30 * MILLION] * given.thirty + [100 * MILLION] * given.hundred
    print("| records | zip | import | fold | rates | µs a record (to the first) | processor, µs | peak memory |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    first = None
    for records in sizes:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="imilab-bench-") as folder:
            path = make_log(Path(folder), records)
            command = [sys.executable, __file__, "--measure", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(done.stderr[-3000:])
                return 1
            found = json.loads(done.stdout.splitlines()[-1])
            assert found["counts"]["read"] == found["counts"]["kept"] == records
            total = found["import"] + found["fold"] + found["rates"]
            each, cpu = total / records * 1e6, found["cpu"] / records * 1e6
            first = first or (each, cpu)
            cells = (
                f"{records / MILLION:g} million",
                f"{path.stat().st_size / 1e6:,.0f} MB",
                *(f"{found[name]:.1f} s" for name in ("import", "fold", "rates")),
                f"{each:.2f} ({each / first[0]:.2f})",
                f"{cpu:.2f} ({cpu / first[1]:.2f})",
                f"{found['peak'] / 2**30:.2f} GiB",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
