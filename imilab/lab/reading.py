"""The façade's verbs that bring receipts in and tables out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from imilab.lab.core import LabCore
from imilab.receiver import RECEIPTS_PATH, Receiver

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ReadingVerbs"]


class ReadingVerbs(LabCore):
    """Receives receipts, and returns them, the requests and the calls as DataFrames."""

    def receive(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Receive receipts in the background until `close`; port 0 takes a free one.

        Returns
        -------
        str
            The URL that the platform, or what forwards to it, must reach.

        Raises
        ------
        ConfigError
            The address is taken, or would take unsigned receipts from the network.
        """
        receiver = Receiver(self.store, zone=self.settings.zone, secrets=self.settings.hub_secrets, clock=self._clock)
        return self._services.enter_context(receiver.serve(host, port)).url + RECEIPTS_PATH

    def calls(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row a call, with its outcome as of now; `unmasked` shows full numbers."""
        from imilab.frames import calls_frame

        horizon_ms = self.settings.receipt_horizon // timedelta(milliseconds=1)
        return calls_frame(self.store, as_of_ms=self._clock.now_ms(), horizon_ms=horizon_ms, unmasked=unmasked)

    def receipts(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row an event, as the platform told it; `unmasked` shows full numbers and raw bodies."""
        from imilab.frames import receipts_frame

        return receipts_frame(self.store, unmasked=unmasked)

    def requests(self, *, unmasked: bool = False) -> pd.DataFrame:
        """Return one row a planned or attempted call, with its state; `unmasked` shows full numbers."""
        from imilab.frames import requests_frame

        return requests_frame(self.store, unmasked=unmasked)
