"""What became of an import: its counts, which always add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ImportSummary"]


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    """What an import found. ``read = kept + duplicate + rejected``.

    Attributes
    ----------
    import_id : str
        Its name in the archive; '' where nothing was kept on disk.
    sources : tuple of str
        The files that were read, without secrets.
    empty : tuple of str
        Files with nothing in them, beside those.
    read, kept, duplicate, rejected : int
        Rows: all, those that told something new, those that told nothing new, those that could not be read.
    receipts, requests : int
        What was added to the archive; a row that is a call tells of several events.
    without_zone, twice, never : int
        Times that named no zone, and were taken for the given one's. Of those, the ones that occur twice on its clock
        in autumn and were taken for the first of the two, and the ones that never do in spring and were moved on by
        the length of the gap.
    reasons : mapping of str to int
        Why rows were rejected.
    """

    import_id: str = ""
    sources: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    read: int = 0
    kept: int = 0
    duplicate: int = 0
    rejected: int = 0
    receipts: int = 0
    requests: int = 0
    without_zone: int = 0
    twice: int = 0
    never: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Every count by its name."""
        names = ("read", "kept", "duplicate", "rejected", "receipts", "requests", "without_zone", "twice", "never")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        lines = [
            f"{self.read:,} rows read: {self.kept:,} kept, {self.duplicate:,} duplicate, {self.rejected:,} rejected",
            *(f"  {count:,} x {reason}" for reason, count in list(self.reasons.items())[:10]),
        ]
        if self.empty:
            are = "file is" if len(self.empty) == 1 else "files are"
            more = f" and {len(self.empty) - 3:,} more" if len(self.empty) > 3 else ""
            lines.append(f"{len(self.empty):,} {are} empty: {', '.join(self.empty[:3])}{more}")
        if self.twice:
            lines.append(f"{self.twice:,} local times occur twice (clocks go back); taken for the first of the two")
        if self.never:
            lines.append(f"{self.never:,} local times never occur (clocks go forward); moved on by the gap")
        return "\n".join(lines)
