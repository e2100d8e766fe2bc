"""What numbers' digits say, for many numbers at once: looked up once for each beginning that decides it.

Looking up one number takes some 30 µs, most of a large import. Country and type depend on patterns over the digits and
on their count alone, and no pattern looks at the last digits: one number is looked up of each decisive beginning and
length.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import duckdb
import phonenumbers
import pyarrow as pa
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

from imilab.logs.digit_patterns import DigitPatterns, PatternSyntaxError
from imilab.numbers import describe_number

__all__ = ["NumberTable", "decisive_length"]

_HASH_BLOCK = 64  # bytes of SHA-256's block, RFC 2104
_WHOLE = 32  # longer than any number
_HEAD = 4  # digits behind the calling code after which a beginning is looked at
_HEAD_LENGTH = 1 + 3 + _HEAD
_KINDS = (
    *("general_desc", "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip"),
    *("pager", "uan", "voicemail"),
)


class NumberTable:
    """Country, type and key of the numbers of one import.

    Parameters
    ----------
    key : bytes
        The project's secret, for `imilab.numbers.number_key`.
    """

    def __init__(self, key: bytes) -> None:
        short = hashlib.sha256(key).digest() if len(key) > _HASH_BLOCK else key
        padded = short.ljust(_HASH_BLOCK, b"\0")
        self._inner, self._outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
        self._facts: dict[str, tuple[str | None, str | None]] = {}

    def add_to(self, engine: duckdb.DuckDBPyConnection, table: str) -> None:
        """Make the temporary table ``numbers`` for the column ``msisdn`` of a table: a row a distinct number.

        Its columns are ``msisdn, number_key, country, number_type``; country and type are null where unknown.
        """
        engine.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE keyed AS SELECT msisdn, substr(msisdn, 1, {_HEAD_LENGTH}) AS head,
                sha256($outer || unhex(sha256($inner || encode(msisdn)))) AS number_key
            FROM (SELECT DISTINCT msisdn FROM {table} WHERE msisdn <> '')
            """,  # noqa: S608 - a table's name
            {"inner": self._inner, "outer": self._outer},
        )
        heads = [head for (head,) in engine.execute("SELECT DISTINCT head FROM keyed").fetchall()]
        engine.register("heads", pa.table({"head": heads, "length": [decisive_length(head) for head in heads]}))
        prefix = "substr(msisdn, 1, length) || '/' || strlen(msisdn)"
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE begun AS SELECT msisdn, number_key, {prefix} AS prefix FROM keyed JOIN heads"  # noqa: S608 - fixed text
            " USING (head)"
        )
        engine.unregister("heads")
        found = engine.execute("SELECT prefix, min(msisdn) FROM begun GROUP BY prefix").fetchall()
        engine.register("known", self._look_up(found))
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE numbers AS SELECT msisdn, number_key, country, number_type FROM begun"
            " JOIN known USING (prefix)"
        )
        engine.unregister("known")

    def _look_up(self, found: list[tuple[str, str]]) -> pa.Table:
        for prefix, msisdn in found:
            if prefix not in self._facts:
                facts = describe_number(msisdn)
                self._facts[prefix] = (facts.country, facts.number_type)
        facts_of = [self._facts[prefix] for prefix, _ in found]
        return pa.table(
            {
                "prefix": pa.array([prefix for prefix, _ in found], pa.string()),
                "country": pa.array([country for country, _ in facts_of], pa.string()),
                "number_type": pa.array([kind for _, kind in facts_of], pa.string()),
            }
        )


@lru_cache(maxsize=1 << 16)
def decisive_length(head: str) -> int:
    """Return how many characters of a number decide its country and type, besides its length.

    Parameters
    ----------
    head : str
        The first characters of a number in E.164, the plus among them; of any other text, all of it decides.

    Examples
    --------
    >>> decisive_length("+1212555"), decisive_length("+9198765") < 12
    (6, True)
    """
    digits = head[1:]
    if not (head.startswith("+") and digits.isascii() and digits.isdigit()):
        return _WHOLE
    code = next((digits[:end] for end in (1, 2, 3) if int(digits[:end]) in COUNTRY_CODE_TO_REGION_CODE), None)
    patterns = None if code is None else _patterns_of(int(code))
    if code is None or patterns is None:
        return _WHOLE
    looked_at, stripped = patterns
    national = digits[len(code) : len(code) + _HEAD]
    if stripped.may_match(national):  # a national prefix goes first, and the patterns see what is left
        return _WHOLE
    return 1 + len(code) + looked_at.decisive(national)


@lru_cache(maxsize=256)
def _patterns_of(code: int) -> tuple[DigitPatterns, DigitPatterns] | None:
    """Return the patterns of all regions of a calling code, and those of national prefixes; None where unreadable."""
    looked_at: list[str] = []
    stripped: list[str] = []
    for place, region in enumerate(COUNTRY_CODE_TO_REGION_CODE[code]):
        metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        if metadata is None:
            return None
        descriptions = (getattr(metadata, name) for name in _KINDS)
        looked_at += [one.national_number_pattern for one in descriptions if one and one.national_number_pattern]
        looked_at += [metadata.leading_digits] if metadata.leading_digits else []
        if place == 0 and metadata.national_prefix_for_parsing:  # the main region's, whatever the number's
            stripped.append(metadata.national_prefix_for_parsing)
    try:
        return DigitPatterns(looked_at), DigitPatterns(stripped)
    except PatternSyntaxError:
        return None
