"""Confidence intervals of a rate, of a difference and of a ratio of two rates, vectorised.

Every method is one function whose docstring names its source; `REFERENCES` gives the same source for footnotes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from imilab.intervals.difference import agresti_caffo, newcombe
from imilab.intervals.ratio import katz, koopman, miettinen_nurminen_ratio
from imilab.intervals.roots import Floats
from imilab.intervals.score import mee, miettinen_nurminen, miettinen_nurminen_stratified, score_z, stratified_z
from imilab.intervals.single import check_confidence, clopper_pearson, jeffreys, mid_p, rate, wilson

__all__ = [
    "DIFFERENCE_METHODS",
    "RATE_METHODS",
    "RATIO_METHODS",
    "REFERENCES",
    "agresti_caffo",
    "check_confidence",
    "clopper_pearson",
    "jeffreys",
    "katz",
    "koopman",
    "mee",
    "mid_p",
    "miettinen_nurminen",
    "miettinen_nurminen_ratio",
    "miettinen_nurminen_stratified",
    "newcombe",
    "rate",
    "score_z",
    "stratified_z",
    "wilson",
]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "wilson": "Wilson (1927), score interval",
        "clopper_pearson": "Clopper and Pearson (1934), exact interval",
        "jeffreys": "Brown, Cai and DasGupta (2001), Jeffreys interval",
        "mid_p": "Lancaster (1961), mid-p interval",
        "miettinen_nurminen": "Miettinen and Nurminen (1985), score interval",
        "newcombe": "Newcombe (1998), method 10: square-and-add of Wilson intervals",
        "agresti_caffo": "Agresti and Caffo (2000), one success and one failure added to each arm",
        "mee": "Mee (1984), score interval",
        "miettinen_nurminen_stratified": "Miettinen and Nurminen (1985), stratified score interval",
        "koopman": "Koopman (1984), score interval of the ratio",
        "miettinen_nurminen_ratio": "Miettinen and Nurminen (1985), score interval of the ratio",
        "katz": "Katz et al. (1978), log interval of the ratio",
    }
)
"""The source of each method, by its function's name."""

RATE_METHODS: Mapping[str, Callable[..., tuple[Floats, Floats]]] = MappingProxyType(
    {one.__name__: one for one in (wilson, clopper_pearson, jeffreys, mid_p)}
)
DIFFERENCE_METHODS: Mapping[str, Callable[..., tuple[Floats, Floats]]] = MappingProxyType(
    {one.__name__: one for one in (miettinen_nurminen, newcombe, agresti_caffo, mee)}
)
RATIO_METHODS: Mapping[str, Callable[..., tuple[Floats, Floats]]] = MappingProxyType(
    {one.__name__: one for one in (koopman, miettinen_nurminen_ratio, katz)}
)
