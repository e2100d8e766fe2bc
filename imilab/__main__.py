"""``python -m imilab`` is the command ``imilab``."""

from __future__ import annotations

from imilab.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
