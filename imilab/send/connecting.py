"""The platform that the settings name."""

from __future__ import annotations

from imilab.client import AsyncPlatformClient
from imilab.config import Settings
from imilab.errors import ConfigError

__all__ = ["connect"]


def connect(settings: Settings) -> AsyncPlatformClient:
    """Return a client of it; nothing is connected yet.

    Raises
    ------
    ConfigError
        Its address or the key is missing.
    """
    if settings.base_url is None:
        raise ConfigError("base_url", "missing; set IMILAB_BASE_URL to https://api.<region>.webexconnect.io")
    if settings.key is None:
        raise ConfigError("key", "missing; set IMILAB_KEY to the service key")
    return AsyncPlatformClient(
        settings.base_url, settings.key, timeout_seconds=settings.request_timeout_seconds, zone=settings.zone
    )
