"""How much memory a query may take, and where it puts what does not fit."""

from __future__ import annotations

import os
import re

__all__ = ["machine_bytes", "memory_limit_bytes"]

_SHARE = 4
_LEAST = 256 * 2**20
_UNKNOWN = 4 * 2**30
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT])(i?)B", re.ASCII)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def memory_limit_bytes(setting: str | None) -> int:
    """Return the limit in bytes: what the setting says, else a quarter of the machine's memory.

    Parameters
    ----------
    setting : str or None
        ``4GB`` (a thousand at a time) or ``4GiB`` (1024).

    Examples
    --------
    >>> memory_limit_bytes("1.5GB"), memory_limit_bytes("512MiB")
    (1500000000, 536870912)
    """
    if setting is None:
        return max(machine_bytes() // _SHARE, _LEAST)
    match = _SIZE.fullmatch(setting)
    if match is None:
        raise ValueError(f"{setting!r} is no size; write it like 4GB")  # the setting's own check comes before
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2]])


def machine_bytes() -> int:
    """Return the machine's memory, or that of the container where it is limited."""
    found = [_physical_bytes()]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(name, encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's
                found.append(int(file.read()))
        except (OSError, ValueError):
            continue
    return min(found)


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not a Unix
        return _UNKNOWN
