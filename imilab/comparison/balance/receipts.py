"""Checks of what came back: duplicates, inferred answers, calls that wait for their receipts, numbers in two arms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imilab import tables
from imilab.comparison.balance.result import LOOK, OK, STOP, Check
from imilab.comparison.balance.sample_ratio import ALPHA
from imilab.comparison.significance import chi_square
from imilab.terms import Outcome

__all__ = ["check_duplicates", "check_inferred", "check_numbers", "check_share"]

_SOON_MS = 60_000
_SHARE_GAP = 0.05
_INFERRED_SHARE = 0.05


def check_duplicates(calls: pd.DataFrame) -> Check:
    """Look for a call that stands in the table twice, and for a number that was called twice within a minute."""
    ids = [calls[name].dropna() for name in ("call_id", "message_id")]
    twice = max(int(each.duplicated().sum()) for each in ids)
    if twice:
        sentence = f"{twice:,} rows repeat a call id or a message id: calls are counted twice."
        return Check("duplicates", STOP, sentence, float(twice))
    timed = calls[["number_key", "moment_ms"]].dropna().sort_values(["number_key", "moment_ms"])
    same = timed["number_key"].to_numpy()[1:] == timed["number_key"].to_numpy()[:-1]
    soon = int((same & (np.diff(timed["moment_ms"].to_numpy()) < _SOON_MS)).sum())
    if soon:
        sentence = (
            f"No call stands twice in the table, but {soon:,} calls went to a number called within the minute before."
        )
        return Check("duplicates", LOOK, sentence, float(soon))
    return Check(
        "duplicates", OK, "No call stands twice in the table, no number was called twice within a minute.", 0.0
    )


def check_numbers(calls: pd.DataFrame, codes: NDArray[np.int64]) -> Check | None:
    """Count the numbers that met more than one arm; None where no number is known."""
    keys = calls["number_key"]
    if not keys.notna().any():
        return None
    arms = pd.Series(codes, index=calls.index).groupby(keys).nunique()
    several = int((arms > 1).sum())
    share = several / len(arms)
    if not several:
        return Check("numbers in several arms", OK, f"Each of {len(arms):,} numbers met one arm only.", 0.0)
    sentence = (
        f"{several:,} of {len(arms):,} numbers ({tables.percent(share)}) met more than one arm: fine where the voice "
        "varies within a number by design, else the arms are mixed."
    )
    return Check("numbers in several arms", LOOK, sentence, float(several))


def check_inferred(calls: pd.DataFrame, codes: NDArray[np.int64], names: Sequence[str]) -> Check:
    """Check how many answers are inferred from a hang-up, over all and between arms."""
    answered = (calls["outcome"] == Outcome.ANSWERED.value).to_numpy()
    inferred = calls["answer_inferred"].to_numpy(dtype=bool) & answered
    return _shares(
        "inferred answers", "of the answered calls are inferred from a hang-up", codes, names, (inferred, answered),
        most=_INFERRED_SHARE,
    )  # fmt: skip


def check_share(calls: pd.DataFrame, codes: NDArray[np.int64], names: Sequence[str], outcome: Outcome) -> Check:
    """Check whether the share of pending, or of lost, calls differs between arms."""
    placed = (calls["outcome"] != Outcome.NOT_PLACED.value).to_numpy()
    mine = (calls["outcome"] == outcome.value).to_numpy()
    return _shares(f"{outcome.value} share", f"of the placed calls are {outcome.value}", codes, names, (mine, placed))


def _shares(
    name: str,
    what: str,
    codes: NDArray[np.int64],
    names: Sequence[str],
    found: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    most: float = 1.0,
) -> Check:
    """Judge a share of each arm: it differs by test or by 5 points and more, or it is above `most` over all."""
    count, n = (np.bincount(codes[part], minlength=len(names)) for part in found)
    known = n > 0
    total = float(count.sum() / max(n.sum(), 1))
    if not known.any():
        return Check(name, OK, f"There are no calls of which a share {what.removeprefix('of ')}.")
    shares = count[known] / n[known]
    p = chi_square(count[known], n[known])[2] if known.sum() > 1 and 0 < total < 1 else float("nan")
    apart = bool(p < ALPHA) or (float(np.ptp(shares)) >= _SHARE_GAP and not p > 0.05)
    listed = ", ".join(
        f"{each} {tables.percent(share)}"
        for each, share in zip(np.array(names, dtype=object)[known], shares, strict=True)
    )
    sentence = f"{tables.percent(total)} {what} ({listed})"
    if apart:
        return Check(name, LOOK, f"{sentence}: the arms differ, which can move a comparison.", total, p)
    return Check(name, LOOK if total >= most else OK, f"{sentence}.", total, p)
