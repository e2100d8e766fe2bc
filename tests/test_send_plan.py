from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest

from imilab.assign import Assignment, verify_assignment
from imilab.errors import InvalidInputError
from imilab.send import Arm, make_plan, new_correlation_id, planned_call, read_recipients
from imilab.terms import Media, Voice
from tests.send_rig import RYAN, TEXT, number, numbers

SONIA = Voice("en-GB-SoniaNeural")
KEY = b"k" * 32
ARMS = {"ryan": RYAN, "sonia": SONIA}


def plan(recipients=None, arms=None, text=TEXT, **more):
    options = {"seed": 42, "design": "blocked", "campaign": "lunch", "key": KEY} | more
    return make_plan(read_recipients(numbers(10) if recipients is None else recipients), arms or ARMS, text, **options)


def test_a_plan_gives_each_recipient_the_arm_that_the_seed_draws():
    made = plan()
    drawn = [Assignment(call.position, call.arm, call.block) for call in made.calls]

    assert [call.msisdn for call in made.calls] == numbers(10)
    assert "".join(call.arm[0] for call in made.calls) == "srsrssrrrs"
    assert verify_assignment(drawn, list(ARMS), seed=42, design="blocked")
    assert {(call.plan_id, call.campaign, call.design) for call in made.calls} == {(made.plan_id, "lunch", "blocked")}


def test_each_call_holds_what_its_arm_plays():
    made = plan(arms={"own": Arm(RYAN, text="Hello"), "common": SONIA, "prompt": Media("m-7")}, recipients=numbers(12))
    seen = {call.arm: (call.content_type, call.voice, call.media_id, call.text, call.language) for call in made.calls}

    assert seen == {
        "own": ("TTS", "en-GB-RyanNeural", None, "Hello", "en-GB"),
        "common": ("TTS", "en-GB-SoniaNeural", None, TEXT, "en-GB"),
        "prompt": ("media", None, "m-7", None, None),
    }


def test_every_call_has_a_correlation_id_of_its_own():
    ids = {call.correlation_id for call in plan(numbers(500)).calls}

    assert len(ids) == 500
    assert {len(name) for name in ids} == {32}
    assert all(int(name, 16) >= 0 for name in ids)
    assert new_correlation_id() != new_correlation_id()


def test_a_plan_is_known_by_its_content():
    assert plan().plan_id == plan().plan_id
    assert plan(campaign=None).campaign == plan(campaign=None).campaign == f"plan-{plan(campaign=None).plan_id[:8]}"
    others = [
        plan(numbers(11)),
        plan(numbers(10)[::-1]),
        plan(arms={"ryan": RYAN}),
        plan(arms={"sonia": SONIA, "ryan": RYAN}),
        plan(arms={"ryan": RYAN, "sonia": Voice("en-GB-SoniaNeural", region="elsewhere")}),
        plan(arms={"ryan": RYAN, "sonia": Arm(SONIA, "Hello")}),
        plan(text="Hello"),
        plan(seed=43),
        plan(design="simple"),
        plan(campaign="dinner"),
        plan(campaign=None),
        plan(key=b"another" * 8),
    ]

    assert len({made.plan_id for made in [plan(), *others]}) == len(others) + 1


def test_what_is_refused_does_not_change_who_gets_what():
    dirty = plan([*numbers(5), "no number", number(2), *numbers(10)[5:]])

    assert (dirty.plan_id, len(dirty.refusals)) == (plan().plan_id, 2)


def test_a_plan_cannot_be_changed():
    made = plan()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.seed = 1
    with pytest.raises(TypeError):
        made.arms["third"] = RYAN
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.calls[0].arm = "ryan"


def test_the_tables_show_the_plan_with_masked_numbers():
    made = plan([*numbers(10), number(3), "2025550123"])
    table, summary, refused = made.table(), made.summary().arms, made.refused

    assert list(table) == ["position", "msisdn", "arm", "content", "text", "block", "stratum", "planned_at"]
    assert table["position"].to_list() == list(range(10))
    assert table["msisdn"][0] == "+1•••••100"
    assert (
        dict(Counter(table["arm"]))
        == dict(zip(summary["arm"], summary["calls"], strict=True))
        == {"ryan": 5, "sonia": 5}
    )
    assert summary["share"].to_list() == [0.5, 0.5]
    assert summary["text_characters"].to_list() == [len(TEXT)] * 2
    assert refused.to_dict("records") == [
        {"row": 11, "msisdn": "+1•••••103", "reason": "stands in the list already"},
        {"row": 12, "msisdn": "•••••", "reason": "not E.164: write +, country code and number"},
    ]


def test_a_plan_for_nobody_has_tables_too():
    made = plan(["no number"])

    assert (made.calls, len(made.table()), made.summary().arms["share"].to_list()) == ((), 0, [0.0, 0.0])
    assert len(made.refused) == 1


def test_the_document_keeps_what_each_arm_plays():
    document = json.loads(plan(arms={"ryan": RYAN, "prompt": Media("m-7")}).document())

    assert document["arms"]["prompt"] == {"media_id": "m-7"}
    assert (document["arms"]["ryan"]["voice"], document["arms"]["ryan"]["text"]) == ("en-GB-RyanNeural", TEXT)
    assert document["assignment"] == {"order": ["ryan", "prompt"], "recipients": 10, "columns": []}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arms": {"": RYAN}}, "arms"),
        ({"arms": {1: RYAN}}, "arms"),
        ({"text": None}, "text"),
        ({"text": "  "}, "content.text"),
        ({"text": "x" * 2001}, "content.text"),
        ({"arms": {"prompt": Arm(Media("m"), text="no")}}, "content.text"),
        ({"arms": {"name": "en-GB-RyanNeural"}}, "content"),
        ({"design": "latin"}, "design"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before(change, field):
    with pytest.raises(InvalidInputError) as refused:
        plan(**change)

    assert refused.value.field == field


def test_arms_are_checked_even_where_nobody_is_called():
    with pytest.raises(InvalidInputError, match=r"content\.text"):
        plan(["no number"], text="x" * 2001)


def test_a_plan_needs_an_arm():
    with pytest.raises(InvalidInputError, match="arms"):
        make_plan(read_recipients(numbers(2)), {}, TEXT, seed=1, design="blocked", campaign=None, key=KEY)


def test_a_single_call_is_checked_like_any_other():
    call = planned_call(number(1), Arm(RYAN, TEXT), "c1")

    assert (call.msisdn, call.voice, call.text, call.plan_id, call.arm) == (number(1), RYAN.name, TEXT, None, None)
    for wrong in ("12025550123", "+1 202 555 0123", ""):
        with pytest.raises(InvalidInputError) as refused:
            planned_call(wrong, Arm(RYAN, TEXT), "c1")
        assert "555" not in str(refused.value)


def test_no_repr_of_a_plan_shows_a_number():
    made = plan([*numbers(3), "2025550123"])
    shown = "".join(map(repr, (made, made.calls, made.refusals, made.arms))) + str(made) + made.document()

    assert "2025550" not in shown
    assert repr(made) == "Plan('lunch': 3 calls in arms ryan, sonia; 1 refused)"


def test_the_table_shows_numbers_in_texts_only_where_they_are_asked_for():
    people = [{"msisdn": number(1), "other": number(2)}]
    made = plan(people, text="We try {other} next")

    assert number(2)[1:] not in made.table().to_csv() + repr(made.calls)
    assert made.table(unmasked=True)[["msisdn", "text"]].values.tolist() == [[number(1), f"We try {number(2)} next"]]
    assert made.calls[0].text == f"We try {number(2)} next"
    assert plan(arms={"prompt": Media("m-7")}).table()["text"].isna().all()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("campaign", {"campaign": f"call {number(1)}"}),
        ("arms", {"arms": {number(1): RYAN}}),
        ("strata", {"recipients": [{"msisdn": number(1), "other": number(2)}], "strata": "other"}),
        ("strata", {"recipients": [{"msisdn": number(1), "other": int(number(2))}], "strata": "other"}),
    ],
)
def test_a_name_that_holds_a_number_is_refused(field, wrong):
    with pytest.raises(InvalidInputError, match=f"^{field}: holds a phone number") as refused:
        plan(**wrong)
    assert refused.value.field == field
