"""imilab's SQL in PostgreSQL's spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.store.postgres_sql import bind, spell_columns, translate


@pytest.mark.parametrize(
    ("sql", "expected", "order"),
    [
        ("SELECT ?, ?", "SELECT $1, $2", (0, 1)),
        ("SELECT ?2, ?1, ?2", "SELECT $1, $2, $1", (1, 0)),
        ("SELECT :a, :bc, :a", "SELECT $1, $2, $1", ("a", "bc")),
        ("SELECT '?', '''?', \"a?\", ? -- ? :x\n, ? /* ? \n ? */", None, (0, 1)),
        ("SELECT x::text, ':a', a.b FROM t WHERE y = :y", "SELECT x::text, ':a', a.b FROM t WHERE y = $1", ("y",)),
        ("SELECT 1 WHERE a LIKE '5%' AND b = ?", "SELECT 1 WHERE a LIKE '5%' AND b = $1", (0,)),
    ],
)
def test_parameters_are_translated_and_nothing_else(sql, expected, order):
    text, keys = translate(sql)
    assert keys == order
    assert text == (expected or "SELECT '?', '''?', \"a?\", $1 -- ? :x\n, $2 /* ? \n ? */")


LITERALS = st.text("ab?:1'\"-/*", max_size=6)
PIECES = st.one_of(
    LITERALS.map(lambda text: ("'" + text.replace("'", "''") + "'", None)),
    LITERALS.map(lambda text: ('"' + text.replace('"', '""') + '"', None)),
    st.text("ab?:1'\"", max_size=6).map(lambda text: (f"/*{text}*/", None)),
    st.text("ab?:1'\"-/*", max_size=6).map(lambda text: (f"--{text}\n", None)),
    st.sampled_from(["SELECT", "(", ",", "1", "a.b", "x::text", "<>"]).map(lambda text: (text, None)),
    st.integers(1, 9).map(lambda number: (f"?{number}", number - 1)),
    st.sampled_from(["a", "b_1", "Cc"]).map(lambda name: (f":{name}", name)),
)


@given(st.lists(PIECES, max_size=12))
def test_whatever_stands_around_them_parameters_are_found_and_nothing_else(pieces):
    order = list(dict.fromkeys(key for _, key in pieces if key is not None))
    expected = " ".join(text if key is None else f"${order.index(key) + 1}" for text, key in pieces)
    assert translate(" ".join(text for text, _ in pieces)) == (expected, tuple(order))


def test_a_value_that_is_missing_is_written_as_null():
    assert bind("SELECT ?1 IS NULL OR a = ?1, ?2", (None, 5)) == ("SELECT NULL IS NULL OR a = NULL, $1", [5])
    assert bind("SELECT :a, :b", {"b": None, "a": "x"}) == ("SELECT $1, NULL", ["x"])


def test_column_types_are_replaced_in_table_definitions_alone():
    assert spell_columns("CREATE INDEX a ON b (c) WHERE d = 'TEXT'") == "CREATE INDEX a ON b (c) WHERE d = 'TEXT'"
    table = spell_columns("\n CREATE TABLE a (b INTEGER PRIMARY KEY, c TEXT NOT NULL, d REAL) WITHOUT ROWID")
    assert "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY" in table
    assert 'c TEXT COLLATE "C" NOT NULL, d DOUBLE PRECISION) ' in table
    assert "ROWID" not in table
