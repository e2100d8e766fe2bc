"""Arms: what they hear, in which hours, with what the plan fills in."""

from __future__ import annotations

import pytest

from imilab.errors import InvalidInputError
from imilab.send.arms import Arm, describe_arm, fill_arms, label
from imilab.send.windows import Window
from imilab.terms import Media
from tests.send_rig import RYAN, TEXT


def test_an_arm_has_hours_where_any_of_them_is_given():
    assert Arm(RYAN).window is None
    assert Arm(RYAN, between="09:00-12:00").window == Window("09:00-12:00")
    assert Arm(RYAN, days="mon-fri").window == Window(days="mon-fri")
    assert Arm(RYAN, zone="Asia/Kolkata").window == Window(zone="Asia/Kolkata")


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"between": "9-12"}, "between"),
        ({"between": ""}, "between"),
        ({"between": 9}, "between"),
        ({"days": "x"}, "days"),
        ({"days": ""}, "days"),
        ({"days": 5}, "days"),
        ({"zone": "Atlantis"}, "zone"),
        ({"zone": ""}, "zone"),
    ],
)
def test_hours_that_cannot_be_read_are_refused_when_the_arm_is_made(hours, field):
    with pytest.raises(InvalidInputError) as refused:
        Arm(RYAN, **hours)
    assert refused.value.field == field


def test_the_plan_fills_in_what_an_arm_does_not_say():
    arms = {"early": Arm(RYAN, between="09:00-12:00"), "plain": RYAN, "prompt": Arm(Media("m"), zone="UTC")}
    filled = fill_arms(arms, TEXT, between="09:00-20:00", days="mon-fri")

    assert [filled[name].window for name in arms] == [
        Window("09:00-12:00", "mon-fri"),
        Window("09:00-20:00", "mon-fri"),
        Window("09:00-20:00", "mon-fri", "UTC"),
    ]
    assert [filled[name].text for name in arms] == [TEXT, TEXT, None]
    with pytest.raises(TypeError):
        filled["plain"] = Arm(RYAN)


def test_what_is_kept_of_an_arm_names_its_hours_only_where_it_has_some():
    assert describe_arm(Arm(Media("m"))) == {"media_id": "m"}
    assert describe_arm(Arm(Media("m"), days="sat")) == {"media_id": "m", "days": "sat"}
    assert set(describe_arm(Arm(RYAN, TEXT))) == {"voice", "language", "gender", "voice_type", "region", "text"}
    assert (label(RYAN), label(Media("m"))) == (RYAN.name, "m")


def test_no_repr_of_an_arm_breaks_on_hours():
    assert "09:00-12:00" in repr(Arm(RYAN, TEXT, "09:00-12:00"))
