"""The façade's verbs that bring receipts in and tables out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from imilab.lab.core import LabCore
from imilab.receiver import RECEIPTS_PATH, Receiver

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

__all__ = ["ReadingVerbs"]


class ReadingVerbs(LabCore):
    """Receives receipts, and returns them, the requests and the calls as DataFrames."""

    def receive(self, host: str = "127.0.0.1", port: int = 0, *, path_prefix: str = "") -> str:
        """Receive receipts in the background until `close`.

        Parameters
        ----------
        host : str
            Where to listen. Beyond this machine, a hub secret or a receiver token is needed.
        port : int
            0 takes a free one.
        path_prefix : str
            What a proxy leaves before ``/receipts``, such as ``/imilab``, or ``/proxy/absolute/8081`` of Jupyter's.

        Returns
        -------
        str
            The URL on this machine that the platform, or what forwards to it, must reach. Where
            `Settings.receiver_token` is set, append ``/`` and the token, or send it in a header: it is not part of what
            is returned.

        Raises
        ------
        ConfigError
            The address is taken, or would take unsigned receipts from the network, or the prefix is no path.
        """
        receiver = Receiver.from_settings(self.store, self.settings, path_prefix=path_prefix, clock=self._clock)
        url = self._services.enter_context(receiver.serve(host, port)).url
        return url + path_prefix.rstrip("/") + RECEIPTS_PATH

    def calls(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row a call, with its outcome as of now; `unmasked` shows full numbers.

        The calls of imported logs are among them, and an event that both doors told of counts once. What was worked out
        is kept: a second question reads only what came since.
        """
        from imilab.frames import calls_frame_of, ordered

        with self._answers.asking:
            table = self._answers.engine.collect(ordered(self._calls()), "calls")
        return calls_frame_of(table, unmasked=unmasked)

    def calls_table(self, form: str | None = None, *, unmasked: bool = False) -> Any:
        """Hand the calls over without a copy in pandas, for `imilab.rates`, `imilab.compare` or queries of your own.

        Parameters
        ----------
        form : {"duckdb", "spark", "arrow", "polars"}, optional
            A lazy table of the engine by default: a DuckDB relation, or a Spark DataFrame where the lab has a Spark
            session. ``arrow`` and ``polars`` are worked out at once.
        unmasked : bool
            Show full numbers.

        Returns
        -------
        DuckDBPyRelation, pyspark.sql.DataFrame, pyarrow.Table or polars.DataFrame
            One row a call, in no particular order; the columns of `calls`, but with times as integer milliseconds UTC,
            ``requested_at_ms`` and so on. A relation or a Spark DataFrame lives as long as the lab, and shows
            what was known when this was asked for last.

        Raises
        ------
        InvalidInputError
            The lab's engine is another one, or Polars is not installed.
        """
        from imilab.engines.handing_over import hand_over, masked

        with self._answers.asking:
            engine, calls = self._answers.engine, self._calls()
            return hand_over(calls if unmasked else masked(calls, engine), engine, form)

    def _calls(self) -> nw.LazyFrame[Any]:
        horizon_ms = self.settings.receipt_horizon // timedelta(milliseconds=1)
        return self._answers.calls(as_of_ms=self._clock.now_ms(), horizon_ms=horizon_ms)

    def receipts(self, *, unmasked: bool = False, imported: bool = True) -> pd.DataFrame:
        """Return one row an event, as the platform told it, by webhook, poll or export.

        Parameters
        ----------
        unmasked : bool
            Show full numbers and raw bodies.
        imported : bool
            Whether the events of imported logs are among them, each that no other door told of; leave them out where
            they are too many for pandas, as `calls_table` needs no copy. They come last, with `source` ``export`` and
            a `receipt_id` below 0; nobody received them, so `received_at` is missing and `raw` empty.
        """
        from imilab.frames import receipts_frame

        with self._answers.asking:
            exported = self._answers.exported_receipts() if imported else None
        return receipts_frame(self.store, exported, unmasked=unmasked)

    def requests(self, *, unmasked: bool = False, imported: bool = True) -> pd.DataFrame:
        """Return one row a planned or attempted call, with its state.

        Parameters
        ----------
        unmasked : bool
            Show full numbers.
        imported : bool
            Whether the calls of imported logs whose rows are calls are among them. They come last, as accepted: a log
            tells of what was placed.
        """
        from imilab.frames import requests_frame

        with self._answers.asking:
            exported = self._answers.exported_requests() if imported else None
        return requests_frame(self.store, exported, unmasked=unmasked)
