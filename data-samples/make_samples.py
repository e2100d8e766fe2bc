"""Write the files of this folder anew: ``python data-samples/make_samples.py [folder]``."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import imilab
from imilab.reporting.csv_file import BYTE_ORDER_MARK, to_safe_csv
from imilab.reporting.parquet_file import write_parquet
from imilab.samples import SAMPLE_AS_OF, load_sample, webhook_bodies

__all__ = ["write_samples"]

WEBHOOK_DAY = date(2026, 3, 29)


def write_samples(folder: Path) -> None:
    """Write every sample file into a folder that exists."""
    for name in ("calls.csv", "calls.parquet"):
        imilab.report(load_sample("calls"), folder / name, title="imilab sample calls", made_at=SAMPLE_AS_OF)
    for name in ("requests", "recipients"):
        text = BYTE_ORDER_MARK + to_safe_csv(load_sample(name))
        (folder / f"{name}.csv").write_bytes(text.encode())
    write_parquet(load_sample("receipts"), folder / "receipts.parquet")
    lines = b"".join(body + b"\n" for body in webhook_bodies(WEBHOOK_DAY))
    (folder / "receipts.jsonl").write_bytes(lines)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
