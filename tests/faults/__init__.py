"""The fault suite: kills and breaks a sender at every step, sends the plan again, and counts what the phones would say.

``python -m tests.faults`` runs all of it, ``tests/test_faults.py`` a seeded sample.
"""

from __future__ import annotations

__all__: list[str] = []
