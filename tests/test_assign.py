from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.assign import DESIGNS, Assignment, assign, verify_assignment
from imilab.errors import InvalidInputError

ARMS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6, unique=True)


def test_the_blocked_draw_of_a_seed_never_changes():
    # The order of `printf '42/blocked/BLOCK/SLOT' | sha256sum` in each block; slots 0 and 2 are ryan, 1 and 3 sonia.
    arms = [one.arm[0] for one in assign(10, ["ryan", "sonia"], seed=42)]

    assert "".join(arms) == "srsr" + "ssrr" + "rs"


def test_the_simple_draw_of_a_seed_never_changes():
    # `printf '7/simple/POSITION' | sha256sum`, its first 16 digits modulo 3.
    arms = [one.arm for one in assign(12, ["a", "b", "c"], seed=7, design="simple")]

    assert "".join(arms) == "babbbacbcaca"


@given(st.integers(0, 300), ARMS, st.integers())
def test_blocks_hold_each_arm_twice_and_stay_balanced_at_every_moment(recipients, arms, seed):
    drawn = assign(recipients, arms, seed=seed)
    counts: Counter[str] = Counter(dict.fromkeys(arms, 0))

    assert [one.position for one in drawn] == list(range(recipients))
    for place, one in enumerate(drawn, start=1):
        counts[one.arm] += 1
        assert one.block == (place - 1) // (2 * len(arms))
        assert max(counts.values()) - min(counts.values()) <= 2
        if place % (2 * len(arms)) == 0:
            assert set(counts.values()) == {place // len(arms)}


@given(st.integers(0, 100), st.integers(0, 100), ARMS, st.integers(), st.sampled_from(DESIGNS))
def test_more_recipients_do_not_change_what_the_first_ones_get(few, more, arms, seed, design):
    assert assign(few + more, arms, seed=seed, design=design)[:few] == assign(few, arms, seed=seed, design=design)


def test_a_simple_draw_gives_every_arm_its_share():
    counts = Counter(one.arm for one in assign(30_000, "abc", seed=1, design="simple"))

    # Within five standard deviations of a third.
    assert all(abs(counts[arm] - 10_000) < 5 * (30_000 * 2 / 9) ** 0.5 for arm in "abc")


def test_in_blocks_each_place_holds_each_arm_alike():
    firsts = Counter(one.arm for one in assign(20_000, "ab", seed=3) if one.position % 4 == 0)

    assert abs(firsts["a"] - 2_500) < 5 * (5_000 / 4) ** 0.5


@given(st.integers(1, 60), ARMS, st.integers(), st.sampled_from(DESIGNS))
def test_verification_takes_the_draw_of_the_seed(recipients, arms, seed, design):
    drawn = assign(recipients, arms, seed=seed, design=design)

    assert verify_assignment(list(drawn), arms, seed=seed, design=design)


def test_verification_refuses_anything_else():
    drawn = assign(40, ["a", "b"], seed=1)
    other = {"a": "b", "b": "a"}

    assert not verify_assignment(drawn, ["a", "b"], seed=2, design="blocked")
    assert not verify_assignment(drawn, ["b", "a"], seed=1, design="blocked")
    assert not verify_assignment(drawn, ["a", "b"], seed=1, design="simple")
    assert not verify_assignment(drawn[::-1], ["a", "b"], seed=1, design="blocked")
    for place, one in enumerate(drawn):
        changed = [*drawn[:place], replace(one, arm=other[one.arm]), *drawn[place + 1 :]]
        assert not verify_assignment(changed, ["a", "b"], seed=1, design="blocked")


def test_a_new_process_draws_the_same():
    program = "from imilab.assign import assign; print([one.arm for one in assign(50, ['a', 'b'], seed=9)])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str([one.arm for one in assign(50, ["a", "b"], seed=9)])


@pytest.mark.parametrize(
    ("arms", "design", "field"),
    [([], "blocked", "arms"), (["a", "a"], "simple", "arms"), (["a"], "latin", "design")],
)
def test_a_draw_that_makes_no_sense_is_refused(arms, design, field):
    with pytest.raises(InvalidInputError) as refused:
        assign(4, arms, seed=1, design=design)

    assert refused.value.field == field


def test_nobody_is_assigned_to_nothing():
    assert assign(0, ["a"], seed=1) == ()
    assert assign(1, ["a"], seed=1) == (Assignment(0, "a", 0),)
