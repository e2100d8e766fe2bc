"""The façade's verbs that bring export logs in and tell what became of them."""

from __future__ import annotations

import os
from collections.abc import Mapping as AnyMapping
from functools import partial
from typing import TYPE_CHECKING, Any

from imilab.archive import Archive
from imilab.errors import hides_arguments
from imilab.lab.answers import archive_folder
from imilab.lab.core import LabCore
from imilab.logs import (
    IMPORT_BYTES,
    ImportOptions,
    ImportSummary,
    Mapping,
    import_files,
    rejects_frame,
    zone_named,
)
from imilab.store.archived_rows import without_erased

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ImportingVerbs"]


class ImportingVerbs(LabCore):
    """Imports export logs; nothing here sends."""

    @hides_arguments
    def import_logs(
        self,
        path: str | os.PathLike[str],
        mapping: Mapping | str | None = None,
        tz: str | None = None,
        *,
        progress: bool | None = None,
        options: AnyMapping[str, Any] | None = None,
    ) -> ImportSummary:
        """Keep the platform's export logs beside the live store, each event once; `calls` has them from then on.

        All of it is kept or, after an error, Ctrl-C or a crash, nothing; then import it again. Importing a log twice,
        or two that overlap, adds nothing twice.

        Parameters
        ----------
        path : path or URL
            Zip, csv, csv.gz, tsv, JSON lines, Parquet, a folder or a pattern with ``*``; here, at ``s3://`` or at
            ``sftp://``.
        mapping : Mapping or str, optional
            How columns are read, or a profile's name (in ``imilab-profiles`` here or beside the store); by default
            what `imilab.inspect_logs` proposes. The platform's own receipts as JSON lines need none.
        tz : str, optional
            The IANA zone of times without one; by default the mapping's, else the setting `tenant_zone`.
        progress : bool, optional
            Show a progress bar; by default in a notebook or a terminal.
        options : mapping, optional
            For a URL: see docs/logs.md.

        Returns
        -------
        ImportSummary
            Its counts add up: read = kept + duplicate + rejected. `rejects` shows what could not be read.

        Raises
        ------
        InvalidInputError
            A file or its columns cannot be read.
        TimestampError
            Times without a zone, and none is known.
        StoreError
            The archive cannot be written, or another import is under way.
        """
        from imilab.engines.limits import memory_limit_bytes

        if isinstance(mapping, str):
            mapping = Mapping.load(mapping, ".", self.store.path.parent)
        how = ImportOptions(
            number_key=self.store.number_key,
            mapping=mapping,
            zone=None if tz is None else zone_named(tz),
            tenant_zone=self.settings.zone,
            now_ms=self._clock.now_ms(),
            change=partial(without_erased, self.store),
            progress=progress,
            memory_bytes=min(memory_limit_bytes(self.settings.memory_limit), IMPORT_BYTES),
            free_space_floor_bytes=self.settings.free_space_floor_bytes,
            remote=options or {},
        )
        return import_files(path, self._imported, how)

    def imports(self) -> pd.DataFrame:
        """Return one row an import: ``import_id, imported_at, sources, read, kept, duplicate, rejected`` and more."""
        import pandas as pd

        facts = self._imported.imports()
        moments = pd.to_datetime([one.imported_at_ms for one in facts], unit="ms", utc=True)
        sources = [", ".join(one.sources) for one in facts]
        first = {
            "import_id": pd.Series([one.import_id for one in facts], dtype="str"),
            "imported_at": pd.Series(moments.astype("datetime64[ms, UTC]")),
            "sources": pd.Series(sources, dtype="str"),
        }
        counts = {name: [one.counts.get(name, 0) for one in facts] for name in ImportSummary().counts}
        return pd.DataFrame(first).assign(**{name: pd.Series(some, dtype="int64") for name, some in counts.items()})

    def rejects(self, import_id: str | None = None) -> pd.DataFrame:
        """Return the rows of logs that could not be read: ``file, line, reason, text``; numbers are hidden.

        Parameters
        ----------
        import_id : str, optional
            Of one import alone; by default of all.
        """
        files = self._imported.reject_files()
        return rejects_frame(path for path in files if import_id is None or path.name.startswith(f"{import_id}-"))

    @property
    def _imported(self) -> Archive:
        return Archive(archive_folder(self.settings, self.store))
