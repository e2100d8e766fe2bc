from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.assign import assign
from imilab.designs import Allocation, allocate, verify_allocation
from imilab.errors import InvalidInputError

SHARES = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(
    lambda weights: dict(zip("abcde", weights, strict=False))
)
SEEDS = st.integers(-(2**70), 2**70)


def arms(allocations: tuple[Allocation, ...]) -> str:
    return "".join(one.arm for one in allocations)


# The seed's draw must not change between versions: a stored plan is verified from its seed.
@pytest.mark.parametrize(
    ("recipients", "shares", "more", "expected"),
    [
        (30, {"a": 7, "b": 3}, {}, "aabbaaabaaaababaabaabaabaaabaa"),
        (24, {"a": 1, "b": 2, "c": 5}, {}, "caccbbccccbabcccbcccbcca"),
        (20, {"a": 1, "b": 3}, {"design": "simple"}, "bbbbabbabaabbbbababb"),
        (6, ["a", "b", "c"], {"design": "crossover"}, "acbbcabbacaccacabb"),
        (12, ["a", "b"], {"strata": ["x", "y"] * 6}, "baaaabbbaaaa"),
    ],
)
def test_the_allocation_of_a_seed_stays_the_same_for_ever(recipients, shares, more, expected):
    assert arms(allocate(recipients, shares, seed=42, **more)) == expected


@given(st.integers(0, 60), st.integers(1, 6), SEEDS, st.sampled_from(["blocked", "simple"]))
def test_equal_shares_without_strata_are_those_of_assign(recipients, count, seed, design):
    names = list("abcdef"[:count])
    found = allocate(recipients, names, seed=seed, design=design)
    expected = assign(recipients, names, seed=seed, design=design)
    assert [(one.position, one.arm, one.block) for one in found] == [
        (one.position, one.arm, one.block) for one in expected
    ]


def bound(shares: list[int], arm: int) -> Fraction:
    """How far a nested tunnel can stray: each level adds less than one call, in the share of what it passes on."""
    total = Fraction(1)
    rests = [sum(shares[level:]) for level in range(len(shares))]
    for level in range(1, min(arm, len(shares) - 2) + 1):
        total += Fraction(shares[arm], rests[level])
    return total


@given(SHARES, SEEDS, st.integers(1, 200))
def test_unequal_shares_are_balanced_in_every_prefix(shares, seed, recipients):
    whole = sum(shares.values())
    equal = len(set(shares.values())) == 1
    counts: Counter[str] = Counter()
    for length, one in enumerate(allocate(recipients, shares, seed=seed), start=1):
        counts[one.arm] += 1
        for place, (name, share) in enumerate(shares.items()):
            farthest = 2 if equal else bound(list(shares.values()), place)
            assert abs(counts[name] - Fraction(length * share, whole)) < farthest


@given(SHARES, SEEDS, st.integers(1, 4))
def test_every_whole_block_has_exactly_the_shares(shares, seed, blocks):
    divisor = math.gcd(*shares.values())
    length = sum(shares.values()) // divisor * (2 if len(set(shares.values())) == 1 else 1)
    found = allocate(blocks * length, shares, seed=seed)
    assert [one.block for one in found] == [place // length for place in range(blocks * length)]
    for block in range(blocks):
        counts = Counter(one.arm for one in found if one.block == block)
        assert {name: counts[name] * sum(shares.values()) for name in shares} == {
            name: share * length for name, share in shares.items()
        }


def test_every_place_of_a_block_has_the_chance_of_each_share():
    shares, seeds = {"a": 1, "b": 2, "c": 4}, 4000
    seen = [Counter() for _ in range(7)]
    for seed in range(seeds):
        for place, one in enumerate(allocate(7, shares, seed=seed)):
            seen[place][one.arm] += 1
    for counts in seen:
        for name, share in shares.items():
            expected = seeds * share / 7
            assert abs(counts[name] - expected) < 4.5 * math.sqrt(expected * (1 - share / 7))


def test_a_simple_design_draws_each_share_independently():
    drawn = arms(allocate(8000, {"a": 0.2, "b": 0.8}, seed=3, design="simple"))
    pairs = Counter(itertools.pairwise(drawn))
    assert abs(drawn.count("a") - 1600) < 4.5 * math.sqrt(8000 * 0.2 * 0.8)
    assert abs(pairs["a", "a"] - 8000 * 0.04) < 4.5 * math.sqrt(8000 * 0.04)


def test_seeds_lead_to_different_allocations():
    assert len({arms(allocate(40, {"a": 2, "b": 3}, seed=seed)) for seed in range(200)}) == 200


@given(st.lists(st.sampled_from(["", "GB", "US", "x/0", "é", "\ud800"]), max_size=60), SHARES, SEEDS)
def test_each_stratum_is_balanced_by_itself_and_does_not_depend_on_the_others(strata, shares, seed):
    found = allocate(len(strata), shares, seed=seed, strata=strata)
    assert [one.stratum for one in found] == strata
    for stratum in set(strata):
        alone = allocate(strata.count(stratum), shares, seed=seed, strata=[stratum] * strata.count(stratum))
        together = [one for one in found if one.stratum == stratum]
        assert [(one.arm, one.block) for one in together] == [(one.arm, one.block) for one in alone]


def test_strata_do_not_share_their_draws():
    assert len({arms(allocate(40, ["a", "b"], seed=1, strata=[name] * 40)) for name in ("", "x", "y", "x/0")}) == 4


@given(st.integers(0, 50), st.integers(1, 6), SEEDS)
def test_in_a_crossover_each_recipient_hears_each_arm_once(recipients, count, seed):
    names = list("abcdef"[:count])
    found = allocate(recipients, names, seed=seed, design="crossover")
    heard = defaultdict(list)
    for one in found:
        heard[one.recipient].append((one.period, one.arm))
    assert len(found) == recipients * count
    assert [one.position for one in found] == list(range(recipients * count))
    assert all(one.position == one.period * recipients + one.recipient for one in found)
    for calls in heard.values():
        assert [period for period, _ in calls] == list(range(count))
        assert sorted(arm for _, arm in calls) == names


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7])
def test_whole_blocks_of_a_crossover_balance_places_and_what_went_before(count):
    names = list("abcdefg"[:count])
    length = count * (2 if count % 2 and count > 1 else 1)
    found = allocate(3 * length, names, seed=count, design="crossover")
    for block in range(3):
        orders = [
            [one.arm for one in calls]
            for _, calls in itertools.groupby(
                sorted((one for one in found if one.block == block), key=lambda one: (one.recipient, one.period)),
                key=lambda one: one.recipient,
            )
        ]
        assert len(orders) == length
        places = Counter((place, arm) for order in orders for place, arm in enumerate(order))
        assert set(places.values()) == {length // count}
        assert len(places) == count**2
        followers = Counter(pair for order in orders for pair in itertools.pairwise(order))
        assert len(followers) == count * (count - 1)
        assert len(set(followers.values())) <= 1


def test_a_crossover_reaches_every_order():
    found = allocate(4 * 200, list("abcd"), seed=5, design="crossover")
    orders = defaultdict(str)
    for one in found:
        orders[one.recipient] += one.arm
    assert len(set(orders.values())) == 24


@given(SHARES, SEEDS, st.integers(1, 40), st.data())
def test_a_changed_allocation_is_found_out(shares, seed, recipients, data):
    found = allocate(recipients, shares, seed=seed)
    assert verify_allocation(found, recipients, shares, seed=seed, design="blocked")
    place = data.draw(st.integers(0, recipients - 1))
    changed = [*found[:place], replace(found[place], arm="other"), *found[place + 1 :]]
    assert not verify_allocation(changed, recipients, shares, seed=seed, design="blocked")
    assert not verify_allocation(found[:-1], recipients, shares, seed=seed, design="blocked")


@pytest.mark.parametrize(
    "shares",
    [{"a": 1, "b": 3}, {"a": 0.25, "b": 0.75}, {"a": Decimal("12.5"), "b": Decimal("37.5")}, {"a": 100, "b": 300}],
)
def test_shares_are_reduced_whatever_they_are_written_in(shares):
    assert allocate(50, shares, seed=1) == allocate(50, {"a": Fraction(1, 4), "b": Fraction(3, 4)}, seed=1)


@pytest.mark.parametrize(
    ("shares", "more", "field"),
    [
        ([], {}, "arms"),
        ("ab", {}, "arms"),
        (["a", "a"], {}, "arms"),
        ({"a": 0, "b": 1}, {}, "arms"),
        ({"a": -1, "b": 1}, {}, "arms"),
        ({"a": math.nan, "b": 1}, {}, "arms"),
        ({"a": math.inf, "b": 1}, {}, "arms"),
        ({"a": "some", "b": 1}, {}, "arms"),
        ({"a": True, "b": 1}, {}, "arms"),
        ({"a": 1, "b": 10_000}, {}, "arms"),
        ({"a": 1, "b": 2}, {"design": "crossover"}, "arms"),
        (["a"], {"design": "latin"}, "design"),
        (["a"], {"strata": ["x"]}, "strata"),
        (["a"], {"strata": "xxxxx"}, "strata"),
        (["a"], {"strata": [None] * 5}, "strata"),
    ],
)
def test_what_cannot_be_allocated_is_refused_by_name(shares, more, field):
    with pytest.raises(InvalidInputError) as caught:
        allocate(5, shares, seed=1, **more)
    assert caught.value.field == field


def test_a_negative_number_of_recipients_is_refused():
    with pytest.raises(InvalidInputError, match="recipients"):
        allocate(-1, ["a"], seed=1)
