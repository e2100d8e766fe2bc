"""The error tree: drawn as it is, copied whole, without what verbose tracebacks would show."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import traceback

import pytest

from imilab import errors
from imilab.errors import ImilabError, InvalidInputError, PlatformError, hides_arguments, without_frames

EXAMPLES = [
    errors.InvalidInputError("to.msisdn", "not E.164"),
    errors.TimestampError("sendAt", "in the past"),
    errors.ConfigError("key", "missing"),
    errors.NotArmedError(("a key", "an allow-list")),
    errors.SendStoppedError("enough"),
    errors.UnreadableReceiptError("not JSON"),
    errors.BadRequestError("wrong", code="7003", field="priority"),
    errors.RateLimitedError("slow down", http_status=200, code="7020", retry_after_seconds=3.5),
    errors.NoReplyError("hung up"),
    errors.StoreLockedError("in use"),
]


def test_the_tree_is_drawn_as_it_is():
    drawn: dict[str, str] = {}
    parents = ["Exception"]
    for indent, name in re.findall(r"^    ([│ ├└─]*)(\w+Error)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        drawn[name] = parents[depth]
        parents[depth + 1 :] = [name]
    classes = {
        name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in classes.items()}
    assert set(classes) <= set(errors.__all__)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_can_be_copied_and_sent_to_another_process(error):
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


def test_a_wrong_value_is_a_value_error_and_names_its_field():
    error = InvalidInputError("priority", "give 1, 2 or 3")
    assert isinstance(error, ValueError)
    assert str(error) == "priority: give 1, 2 or 3"


@pytest.mark.parametrize("kind", PlatformError.__subclasses__())
def test_a_platform_error_says_what_happened_and_what_to_do_next(kind):
    error = kind("it failed", http_status=418, code="7999")
    assert str(error) == f"it failed (HTTP 418, code 7999); {kind.way_out}"
    assert kind.way_out != PlatformError.way_out
    assert (error.http_status, error.code, error.description) == (418, "7999", "it failed")


def fail(secret: str) -> None:
    try:
        {}[secret]
    except KeyError:
        raise ImilabError("no good")  # noqa: B904 - the context is what is tested


def test_an_error_without_frames_leads_nowhere():
    with pytest.raises(ImilabError) as caught:
        fail("canary")
    assert caught.value.__context__ is not None
    bare = without_frames(caught.value)
    assert (bare.__traceback__, bare.__context__, bare.__cause__) == (None, None, None)


def test_hidden_arguments_are_in_no_frame_of_the_traceback():
    with pytest.raises(ImilabError) as caught:
        hides_arguments(fail)("canary")
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    assert len(frames) == 1
    assert "canary" not in repr([frame.f_locals for frame in frames])
    assert caught.value.__context__ is None


def test_hiding_keeps_results_and_other_errors():
    assert hides_arguments(len)("abc") == 3
    with pytest.raises(TypeError):
        hides_arguments(len)(3)
