"""What a reference row asks, read under the spellings of R; and whether what was found is what it expects."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["Asked", "Method", "NoCounterpart", "agree", "close_odds", "outcome"]

Row = dict[str, Any]

_WORDS = {"Inf": "inf", "-Inf": "-inf", "Infinity": "inf", "-Infinity": "-inf", "NaN": "nan", "NA": "nan"}
_INPUTS = {
    "conf_level": "level",
    "conf_int": "level",
    "confidence": "level",
    "sig_level": "alpha",
    "p_adjust_method": "adjust",
    "continuity": "correct",
    "score": "scores",
    "times": "at",
    "allocationRatioPlanned": "ratio",
    "ratio_n1_n2": "ratio",
    "kMax": "K",
    "typeOfDesign": "type",
    "informationRates": "information",
    "pi1": "p1",
    "pi2": "p2",
    "ftime": "time",
    "fstatus": "status",
    "failcode": "cause",
}
_SIDES = {"left": "greater", "right": "less", "g": "greater", "l": "less", "t": "two-sided", "two": "two-sided"}
# What a row may say without changing any of our answers: words beside it, and R's defaults where ours is the same.
_NOTES = frozenset(
    {"level", "note", "comment", "description", "bcf", "contrast", "model", "npNumbers", "digits", "tol"}
)
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "alternative": ("two-sided",),
    "correct": (False, "none", None),
    "exact": (False, None),
    "strict": (False,),
    "midp": (True,),
    "tsmethod": ("central",),
    "conf_type": ("log-log",),
    "weighting": ("MH",),
    "skew": (False,),
    "stratified": (True,),
    "paired": (False,),
    "rho": (0,),
    "restriction": ("none",),
}
_EXPECTED = {
    "p": "p_value",
    "pvalue": "p_value",
    "estimate": "est",
    "conf_low": "lower",
    "conf_high": "upper",
    "lwr_ci": "lower",
    "upr_ci": "upper",
    "lower_ci": "lower",
    "upper_ci": "upper",
    "std_err": "se",
    "odds_ratio": "or",
    "parameter": "df",
    "pval": "p_value",
    "ci_lb": "lower",
    "ci_ub": "upper",
    "criticalValues": "z",
    "alphaSpent": "alpha_spent",
}
_STATISTICS = ("statistic", "stat", "chisq", "g", "W", "z", "e")
# prop.test prints a Wald interval beside the test; imilab offers none. Weights are a word, not a number.
_LEFT_OUT = frozenset({"lower_wald", "upper_wald", "weights"})


class NoCounterpart(Exception):  # noqa: N818  no error: the row is counted as absent
    """imilab offers the method, but not this option or this value of it."""


class Asked:
    """A row's inputs under one spelling each; it remembers which of them were read."""

    def __init__(self, given: Row) -> None:
        names = {name: name.replace(".", "_") for name in given}
        self._values = {_INPUTS.get(names[name], names[name]): value for name, value in given.items()}
        if "alternative" not in self._values and isinstance(self._values.get("sides"), str):
            self._values["alternative"] = self._values.pop("sides")
        if isinstance(self._values.get("alternative"), str):
            side = self._values["alternative"].replace(".", "-").replace("_", "-").lower()
            self._values["alternative"] = _SIDES.get(side, side)
        elif "alternative" in self._values:
            self._values["alternative"] = "two-sided"
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or the default where the row does not give it."""
        return self[name] if self._values.get(name) is not None else default

    @property
    def level(self) -> float:
        """The confidence of an interval; metafor's is in percent."""
        level = self.get("level", 0.95)  # wilcox.test's conf.int is a yes or no
        return 0.95 if isinstance(level, bool) else level / 100 if level > 1 else float(level)

    @property
    def alternative(self) -> Any:
        """One of the sides that our tests know."""
        side = self.get("alternative", "two-sided")
        if side not in {"two-sided", "greater", "less"}:
            raise NoCounterpart(f"alternative {side!r}")
        return side

    def limits(self, interval: Callable[[float], Any], least: float, most: float) -> tuple[Any, Any]:
        """Return an interval; a one-sided one is half of a two-sided one that misses twice as often."""
        if self.alternative == "two-sided":
            low, high = interval(self.level)
            return low, high
        if self.level <= 0.5:
            raise NoCounterpart("a one-sided interval of 50 % or less")
        low, high = interval(2 * self.level - 1)
        return (low, most) if self.alternative == "greater" else (least, high)

    def unread(self) -> list[str]:
        """Return the options that were not looked at and that may change the answer."""
        left = self._values.keys() - self._read - _NOTES
        return sorted(name for name in left if self._values[name] not in _DEFAULTS.get(name, ()))


Method = Callable[[Asked, Row], None]


def agree(found: Mapping[str, Any], expected: Row, closed: Mapping[str, float] | None = None) -> None:
    """Assert that everything expected was found, within the row's tolerances.

    `closed` names the values that imilab gives where R gives none, as where nothing can differ.
    """
    tolerances = {name: value for name, value in expected.items() if name.endswith(("abs_tol", "rel_tol"))}
    unknown = []
    for name in expected.keys() - tolerances.keys() - _LEFT_OUT:
        ours = _ours(name.replace(".", "_"), found)
        if ours is None:
            unknown.append(name)
            continue
        mine, theirs = _numbers(found[ours]), _numbers(expected[name])
        assert len(mine) == len(theirs), f"{name}: {len(mine)} values, not {len(theirs)}"
        for x, y in zip(mine, theirs, strict=True):
            stands = closed[ours] if math.isnan(y) and closed and ours in closed else y
            same = math.isclose(x, stands, **_tolerance(name, tolerances)) or (math.isnan(x) and math.isnan(y))
            assert same, f"{name}: {x} is not {y}"
    if unknown:
        raise NoCounterpart(f"value {', '.join(sorted(unknown))}")


def _ours(name: str, found: Mapping[str, Any]) -> str | None:
    if name in found:
        return name
    names = _STATISTICS if name in {*_STATISTICS[:3], "X2", "x_squared"} else (_EXPECTED.get(name, ""),)
    return next((each for each in names if each in found), None)


def _tolerance(name: str, given: Mapping[str, float]) -> dict[str, float]:
    own = name.split("_", maxsplit=1)[0]  # a row can give p and odds ratio tolerances of their own
    found = {kind: given.get(f"{own}_{kind}", given.get(kind, 0.0)) for kind in ("abs_tol", "rel_tol")}
    return found if any(found.values()) else {"rel_tol": 1e-9}  # a row that gives none means its digits


def _numbers(value: Any) -> list[float]:
    return [math.nan if each is None else float(each) for each in np.atleast_1d(np.asarray(value, dtype=object))]


def close_odds(found: float, expected: float) -> bool:
    """Return whether odds ratios are the same to what R's search for one can tell.

    fisher.test and mantelhaen.test look by uniroot for the odds ratio, or for 1 by it, between 0 and 1, and stop within
    .Machine$double.eps^0.25 = 1.22e-4 of it: an odds ratio of 1000 is right to 12 %. Ours are checked in
    test_association.py and test_exact.py against the probabilities that define them.
    """
    if not (0 < found < math.inf and 0 < expected < math.inf) or (found - 1) * (expected - 1) < 0:
        return found == expected
    return abs(min(found, 1 / found) - min(expected, 1 / expected)) <= 1.22e-4


def outcome(method: Method, row: Mapping[str, str]) -> tuple[str, str]:
    """Return whether a row is passed, failed or absent from what imilab offers, and why."""
    try:
        asked, expected = Asked(_read(row["inputs"])), _read(row["expected"])
        try:
            method(asked, expected)
        except AssertionError as failure:
            # What an option that we do not know would change is no error of ours, nor is it agreement.
            return ("absent" if asked.unread() else "failed"), f"{failure} {asked.unread() or ''}"
    except NoCounterpart as lack:
        return "absent", str(lack)
    except Exception as failure:  # noqa: BLE001  a row of a shape we do not read must not hide the rows after it
        return "failed", f"{type(failure).__name__} {failure}"
    unread = asked.unread()
    return ("absent", f"option {', '.join(unread)}") if unread else ("passed", "")


def _read(text: str) -> Row:
    """Read JSON in which infinity and what is not known are words."""
    found: Row = _translated(json.loads(text))
    return found


def _translated(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _translated(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_translated(each) for each in value]
    return float(_WORDS[value]) if isinstance(value, str) and value in _WORDS else value
