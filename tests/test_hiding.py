"""What an error of a hidden function still shows: where it came about, and nothing of what it was called with."""

from __future__ import annotations

import traceback

import pytest

from imilab.errors import InvalidInputError
from imilab.hiding import hides_arguments


def divide(number: str) -> float:
    return len(number) / 0


def refuse(number: str) -> None:
    raise InvalidInputError("msisdn", f"{len(number)} characters")


def locals_of(error: BaseException) -> str:
    """Return the variables of all frames but the test's own."""
    return repr([frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)][1:])


def test_a_defect_keeps_its_places_and_loses_its_variables():
    with pytest.raises(ZeroDivisionError) as raised:
        hides_arguments(divide)("canary")

    assert "canary" not in locals_of(raised.value)
    (note,) = raised.value.__notes__
    assert f"{__file__}:{divide.__code__.co_firstlineno + 1} in divide" in note
    assert "canary" not in note


def test_a_wrong_keyword_shows_no_argument_and_needs_no_note():
    with pytest.raises(TypeError, match="unexpected keyword") as raised:
        hides_arguments(divide)("canary", nmber="canary")  # type: ignore[call-arg]  # the mistake that is tested

    assert "canary" not in locals_of(raised.value)
    assert not hasattr(raised.value, "__notes__")


def test_an_error_that_says_what_to_do_needs_no_note():
    with pytest.raises(InvalidInputError) as raised:
        hides_arguments(refuse)("canary")
    assert "canary" not in locals_of(raised.value)
    assert not hasattr(raised.value, "__notes__")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_passes_without_arguments(kind):
    def end(number: str) -> None:
        raise kind(len(number))

    with pytest.raises(kind) as raised:
        hides_arguments(end)("canary")
    assert "canary" not in locals_of(raised.value)
