"""A strict reader of Prometheus' text format 0.0.4, written from its specification and not from what writes it here."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

__all__ = ["Metric", "read"]

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)( -?\d+)?")
_PAIR = re.compile(rf'({_LABEL})="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
_WORDS = re.compile(r"(?:[^\\\n]|\\[\\n])*")
_KINDS = {"counter", "gauge", "histogram", "summary", "untyped"}
_VALUE = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Inf|NaN)")
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass
class Metric:
    """One family: its kind, its words, and the value of each sample by name and labels."""

    kind: str
    words: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]


def read(text: str) -> dict[str, Metric]:
    """Read all families; anything that the format does not allow is a `ValueError`."""
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    metrics: dict[str, Metric] = {}
    current, words = "", ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current, _, words = line[7:].partition(" ")
            if current in metrics or not re.fullmatch(_NAME, current) or not _WORDS.fullmatch(words):
                raise ValueError(line)
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if name != current or name in metrics or kind not in _KINDS:
                raise ValueError(line)
            metrics[name] = Metric(kind, re.sub(r"\\[\\n]", lambda escape: _ESCAPES[escape[0]], words))
        elif not line or line.startswith("#"):
            raise ValueError(f"not written by imilab: {line!r}")
        else:
            _add(metrics, current, line)
    for name, metric in metrics.items():
        _check(name, metric)
    return metrics


def _add(metrics: dict[str, Metric], current: str, line: str) -> None:
    match = _SAMPLE.fullmatch(line)
    if not match or not _VALUE.fullmatch(match[3]):
        raise ValueError(line)
    metric = metrics[current]
    allowed = {f"{current}{end}" for end in ("_bucket", "_sum", "_count")} if metric.kind == "histogram" else {current}
    key = (match[1], frozenset(_labels(match[2] or "").items()))
    if match[1] not in allowed or key in metric.samples:
        raise ValueError(line)
    metric.samples[key] = float(match[3].replace("Inf", "inf").replace("NaN", "nan"))


def _labels(text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    while text:
        match = _PAIR.match(text)
        if not match or match[1] in labels or match[1].startswith("__"):
            raise ValueError(text)
        labels[match[1]] = re.sub(r'\\[\\"n]', lambda escape: _ESCAPES[escape[0]], match[2])
        text = text[match.end() :]
        if match[3] == "," and not text:
            raise ValueError("a comma too many")
    return labels


def _check(name: str, metric: Metric) -> None:
    if metric.kind == "counter" and any(value < 0 or math.isnan(value) for value in metric.samples.values()):
        raise ValueError(f"{name} is no counter")
    if metric.kind == "histogram":
        buckets = sorted(
            (float(dict(labels)["le"].replace("Inf", "inf")), value)
            for (sample, labels), value in metric.samples.items()
            if sample == f"{name}_bucket"
        )
        counts = [value for _, value in buckets]
        if counts != sorted(counts) or buckets[-1] != (math.inf, metric.value(f"{name}_count")):
            raise ValueError(f"{name} is no histogram")
