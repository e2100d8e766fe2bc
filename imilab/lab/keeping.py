"""The façade's verbs that look after what is kept: calls of unknown outcome, numbers to forget, rows that are old."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from imilab.archive import Archive, import_lock
from imilab.archive.rewriting import archived_files, rewrite_file, rewrite_manifests
from imilab.errors import ConfigError, InvalidInputError, StoreLockedError, hides_arguments
from imilab.lab.answers import archive_folder
from imilab.lab.core import LabCore
from imilab.store.anonymous import Tokens
from imilab.store.archived_rows import forget_rows, redact_rows
from imilab.store.erasure import erase_number
from imilab.store.journal import recover
from imilab.store.resolving import resolve
from imilab.store.retention import forget_before
from imilab.store.scrubbing import drop_caches

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ErasureSummary", "KeepingVerbs"]

_DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class ErasureSummary:
    """What was changed; no row is gone except quarantined bodies.

    Attributes
    ----------
    requests, receipts : int
        Rows whose number became a random token.
    texts : int
        Other rows in which a number stood, such as the body of another receipt.
    quarantined : int
        Bodies that were removed.
    archived : int
        Rows of imported logs.
    still_open : int
        Old calls that were left as they are: they are planned, or wait for a receipt or a decision.
    """

    requests: int = 0
    receipts: int = 0
    texts: int = 0
    quarantined: int = 0
    archived: int = 0
    still_open: int = 0

    def __str__(self) -> str:
        text = (
            f"numbers taken out of {self.requests} requests, {self.receipts} receipts, {self.texts} texts and"
            f" {self.archived} imported rows; {self.quarantined} unreadable bodies removed"
        )
        kept = f"; {self.still_open} old calls are still open and were left" if self.still_open else ""
        return text + kept


class KeepingVerbs(LabCore):
    """Resolves, erases, forgets; nothing here sends."""

    def unknown(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return the requests of unknown outcome, which receipts, `reconcile` or `resolve` settle; one row a call."""
        from imilab.frames import requests_frame

        self._recover()
        requests = requests_frame(self.store, unmasked=unmasked)
        return requests[requests["state"] == "unknown"].reset_index(drop=True)

    @hides_arguments
    def resolve(self, correlation_id: str, state: str, note: str | None = None) -> None:
        """Decide what became of a call of unknown outcome, after having looked on the platform or asked the person.

        Parameters
        ----------
        correlation_id : str
            Which call; see `unknown`.
        state : {"accepted", "rejected"}
            It was placed, or it was not. Neither is ever sent again.
        note : str, optional
            How you know; kept with the call.

        Raises
        ------
        InvalidInputError
            The call's outcome is not unknown.
        """
        if note is not None and not isinstance(note, str):
            raise InvalidInputError("note", f"of type {type(note).__name__}; say in a text how you know")
        self._recover()
        self.store.write(lambda connection: resolve(connection, correlation_id, state, note))

    @hides_arguments
    def erase(self, msisdn: str) -> ErasureSummary:
        """Forget a number everywhere: in the store and its files, imported logs and what is derived from them.

        Its rows stay, so that no published count changes; they hold a random token instead of the number, and neither
        text nor body. A receipt that comes late is stored the same way. Calls that were still to be sent are refused.
        Lists that you keep yourself (do-not-call, allow-list, recipients), reports and backups are yours to clean.

        Parameters
        ----------
        msisdn : str
            With its country code, in any spelling.

        Raises
        ------
        InvalidInputError
            It is no number.
        StoreLockedError
            A send or an import is under way.
        StoreError
            Something reads the store all the while, or the disk is full; erasing again goes on.
        """
        with self.store.sender_lock(), self._archive_lock():
            self.store.write(recover)
            redaction, counts = erase_number(self.store, msisdn, self._clock.now_ms())
            archive = Archive(archive_folder(self.settings, self.store))
            archived = sum(
                rewrite_file(one.path, partial(redact_rows, redaction=redaction)) for one in archived_files(archive)
            )
            rewrite_manifests(archive, redaction.text)
            self._scrub()
        return ErasureSummary(
            requests=counts["requests"], receipts=counts["receipts"], texts=counts["texts"], archived=archived
        )

    def forget_old(self, days: int | None = None) -> ErasureSummary:
        """Take numbers, texts and bodies out of what is older than so many days; rows stay for their counts.

        One number's old rows share one random token, which differs from run to run: repeated numbers of old calls are
        no longer told apart beyond that. Calls that wait for a receipt or for a decision are left, and planned ones as
        long as anything of their plan was sent, or is to be sent, within those days.

        Parameters
        ----------
        days : int, optional
            By default `settings.retention_days`.

        Raises
        ------
        ConfigError
            Neither is given.
        StoreLockedError, StoreError
            As for `erase`.
        """
        days = self.settings.retention_days if days is None else days
        if days is None:
            raise ConfigError("retention_days", "not set; give days=, or set IMILAB_RETENTION_DAYS")
        _check_days(days)
        now_ms, tokens = self._clock.now_ms(), Tokens()
        horizon_ms = self.settings.receipt_horizon // timedelta(milliseconds=1)
        before_ms = now_ms - days * _DAY_MS
        with self.store.sender_lock(), self._archive_lock():
            counts = forget_before(self.store, before_ms, now_ms, horizon_ms, tokens)
            archived = sum(
                rewrite_file(one.path, partial(forget_rows, tokens=tokens, age=one.age_of(before_ms)))
                for one in archived_files(Archive(archive_folder(self.settings, self.store)))
            )
            self._scrub()
        return ErasureSummary(
            requests=counts["requests"],
            receipts=counts["receipts"],
            quarantined=counts["quarantined"],
            archived=archived,
            still_open=counts["open"],
        )

    def _archive_lock(self) -> AbstractContextManager[None]:
        """Keep imports out, which also removes what a killed one left."""
        folder = archive_folder(self.settings, self.store)
        return import_lock(Archive(folder)) if folder.is_dir() else nullcontext()

    def _recover(self) -> None:
        """Name what a dead sender left, unless one is alive."""
        with suppress(StoreLockedError), self.store.sender_lock():
            self.store.write(recover)

    def _scrub(self) -> None:
        self._answers.close()  # what it remembers holds the numbers; the next question starts it again
        drop_caches(self.store.path)
        self.store.scrub_free_space()


def _check_days(days: object) -> None:
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise InvalidInputError("days", "not a whole number above 0; say how many days are kept")
