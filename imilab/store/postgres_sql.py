"""imilab's SQL in PostgreSQL's spelling: parameters as ``$1``, and the types of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

__all__ = ["bind", "spell_columns", "translate"]

# Text, names and comments come first, so that nothing inside them is taken for a parameter.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
    | \?(?P<number>[0-9]*) | (?<![:\w]):(?P<name>[A-Za-z_][A-Za-z_0-9]*)""",
    re.VERBOSE | re.DOTALL,
)
_COLUMN_TYPES = (
    (re.compile(r"\bINTEGER PRIMARY KEY\b"), "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\bREAL\b"), "DOUBLE PRECISION"),
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),  # compares and sorts bytes, as SQLite does
    (re.compile(r"\bWITHOUT ROWID\b"), ""),
)
_WITH_COLUMNS = re.compile(r"\s*(CREATE|ALTER)\s+TABLE\b")

Key = int | str


@lru_cache(maxsize=1024)
def translate(sql: str, missing: frozenset[Key] = frozenset()) -> tuple[str, tuple[Key, ...]]:
    """Return a statement with ``$1`` parameters, and which given value each of them takes.

    Parameters
    ----------
    sql : str
        With ``?``, ``?1`` or ``:name``.
    missing : frozenset of int or str
        Places (from 0) and names of the values that are None. They are written as NULL: PostgreSQL cannot tell the type
        of a parameter in ``? IS NULL``.

    Examples
    --------
    >>> translate("SELECT '?', ?2 WHERE ?1 <> ':no' AND ?2 > 0")
    ("SELECT '?', $1 WHERE $2 <> ':no' AND $1 > 0", (1, 0))
    >>> translate("SELECT :a, :b, :a", frozenset("a"))
    ('SELECT NULL, $1, NULL', ('b',))
    """
    order: dict[Key, int] = {}
    anonymous = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal anonymous
        if match["number"] is None and match["name"] is None:
            return match[0]
        key: Key = match["name"] or (int(match["number"]) - 1 if match["number"] else anonymous)
        anonymous += match["number"] == ""
        if key in missing:
            return "NULL"
        return f"${order.setdefault(key, len(order) + 1)}"

    return _TOKEN.sub(replace, sql), tuple(order)


def bind(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return a statement in PostgreSQL's spelling with its values in order.

    Examples
    --------
    >>> bind("SELECT 1 WHERE ?1 IS NULL OR plan_id = ?1", ("p",))
    ('SELECT 1 WHERE $1 IS NULL OR plan_id = $1', ['p'])
    """
    pairs = parameters.items() if isinstance(parameters, Mapping) else enumerate(parameters)
    values: dict[Key, Any] = dict(pairs)
    text, order = translate(sql, frozenset(key for key, value in values.items() if value is None))
    return text, [values[key] for key in order]


def spell_columns(statement: str) -> str:
    """Return a statement of a migration with PostgreSQL's column types.

    Examples
    --------
    >>> spell_columns("CREATE TABLE a (b INTEGER PRIMARY KEY, c BLOB)")
    'CREATE TABLE a (b BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c BYTEA)'
    """
    if _WITH_COLUMNS.match(statement):
        for pattern, words in _COLUMN_TYPES:
            statement = pattern.sub(words, statement)
    return statement
