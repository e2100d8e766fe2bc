"""Write imilab/terms/voices.csv from a list of Azure voices.

    python .ci/make_voices.py azure_voices.csv

The list has the columns locale, voice, gender, voice_type, child and preview ("yes" or empty), one row a voice, and may
have a column source. Record a new source and its date in imilab/terms/voice_catalogue.py.
"""

from __future__ import annotations

import argparse
import csv
import sys
from contextlib import suppress
from pathlib import Path

from babel import Locale, UnknownLocaleError

TARGET = Path(__file__).resolve().parent.parent / "imilab" / "terms" / "voices.csv"
COLUMNS = ("locale", "language_name", "voice", "short_name", "gender", "voice_type", "child", "preview")


def english_name(code: str) -> str:
    """Return a locale's English name: language (script where it matters, territory, dialect)."""
    english = Locale("en")
    language, *others = code.split("-")
    script = others.pop(0) if len(others[0]) == 4 else None
    territory, *dialect = others
    with suppress(UnknownLocaleError):  # Babel has no data for wuu-CN as a locale, but knows both names
        script = script or Locale.parse(f"{language}-{territory}", sep="-").script
    details = [english.scripts[script]] if script else []
    details += [english.territories[territory], *(part.title() for part in dialect)]
    return f"{english.languages[language]} ({', '.join(details)})"


def catalogue_row(row: dict[str, str]) -> dict[str, str]:
    """Return one row of the catalogue for one row of the list."""
    prefix = f"{row['locale']}-"
    # Azure spells one name with its locale in lower case, so the case of the prefix says nothing.
    if not row["voice"].lower().startswith(prefix.lower()):
        sys.exit(f"{row['voice']} does not begin with its locale {row['locale']}")
    return {
        **{name: row[name] for name in COLUMNS if name in row},
        "language_name": english_name(row["locale"]),
        "short_name": row["voice"][len(prefix) :],
    }


def make_voices(source: Path, target: Path) -> int:
    """Write `target` from `source`; return the number of voices."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = [catalogue_row(row) for row in csv.DictReader(file)]
    if len({row["voice"].lower() for row in rows}) < len(rows):
        sys.exit("a voice stands in the list twice")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the list of Azure voices, CSV")
    parser.add_argument("target", type=Path, nargs="?", default=TARGET, help="where to write (default: the package)")
    arguments = parser.parse_args()
    print(f"{make_voices(arguments.source, arguments.target)} voices written to {arguments.target}")  # noqa: T201 - a script talks to its terminal
