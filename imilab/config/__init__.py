"""Settings: what imilab needs to know about the tenant and about itself."""

from imilab.config.settings import Settings

__all__ = ["Settings"]
