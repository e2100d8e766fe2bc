from __future__ import annotations

import random
import re
from collections import Counter
from itertools import chain

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType
from phonenumbers.carrierdata import CARRIER_DATA
from phonenumbers.shortdata import _AVAILABLE_REGION_CODES as SHORT_REGIONS

from imilab.errors import InvalidInputError
from imilab.send.eligibility import CALLABLE_TYPES, Eligibility, canonical_number
from imilab.simulator.magic import MAGIC

EVERYWHERE = Eligibility(None, fiction=True)
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
NEVER = ("PREMIUM_RATE", "SHARED_COST", "TOLL_FREE", "VOIP", "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL")


def e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def examples(kind: str) -> list[str]:
    wanted = getattr(PhoneNumberType, kind)
    found = (phonenumbers.example_number_for_type(region, wanted) for region in REGIONS)
    return [e164(number) for number in found if number]


def short_examples() -> list[tuple[str, str]]:
    """Every short number that the metadata gives as an example, with its country's calling code."""
    kinds = (
        "general_desc",
        "short_code",
        "emergency",
        "premium_rate",
        "standard_rate",
        "toll_free",
        "carrier_specific",
    )
    return [
        (str(phonenumbers.country_code_for_region(region)), description.example_number)
        for region in sorted(SHORT_REGIONS)
        for kind in kinds
        if (description := getattr(PhoneMetadata.short_metadata_for_region(region), kind))
        and description.example_number
    ]


@pytest.mark.parametrize("kind", NEVER)
def test_every_example_of_a_kind_that_is_never_called_is_refused(kind):
    numbers = examples(kind)
    assert len(numbers) > 10
    assert [number for number in numbers if EVERYWHERE.refusal(number) is None] == []


def test_every_worldwide_example_is_refused_by_name():
    codes = sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
    assert set(codes) >= {800, 808, 870, 878, 881, 882, 883, 888, 979}
    for code in codes:
        refusal = EVERYWHERE.refusal(e164(phonenumbers.example_number_for_non_geo_entity(code)))
        assert refusal
        assert f"+{code}" in refusal
    metadata = (PhoneMetadata.metadata_for_nongeo_region(code) for code in codes)
    kinds = ("mobile", "voip", "premium_rate", "shared_cost", "toll_free", "uan", "voicemail", "personal_number")
    described = [
        f"+{data.country_code}{description.example_number}"
        for data in metadata
        for kind in kinds
        if (description := getattr(data, kind)) and description.example_number
    ]
    assert len(described) >= len(codes)
    assert [number for number in described if EVERYWHERE.refusal(number) is None] == []


def test_every_short_and_emergency_example_is_refused_however_it_is_written():
    numbers = short_examples()
    assert len(numbers) > 700
    spellings = chain.from_iterable((digits, f"+{digits}", f"+{code}{digits}") for code, digits in numbers)
    assert [number for number in spellings if EVERYWHERE.refusal(number) is None] == []


def test_a_short_number_that_looks_like_e164_is_called_one():
    refusals = [EVERYWHERE.refusal(f"+{code}{digits}") or "" for code, digits in short_examples()]
    assert sum("emergency or short" in refusal for refusal in refusals) > 50


def test_satellite_ranges_that_the_metadata_takes_for_mobile_are_refused():
    satellite = re.compile("satellite|globalstar|iridium|inmarsat|thuraya|airbus defence", re.IGNORECASE)
    prefixes = [prefix for prefix, names in CARRIER_DATA.items() if satellite.search(" ".join(names.values()))]
    assert len(prefixes) > 15
    mobile = 0
    for prefix in prefixes:
        for length in range(8, 13):
            number = f"+{prefix.ljust(length, '1')}"
            assert EVERYWHERE.refusal(number)
            mobile += phonenumbers.number_type(phonenumbers.parse(number)) == PhoneNumberType.MOBILE
    assert mobile > 8


def test_nearly_every_mobile_and_fixed_example_may_be_called():
    numbers = sorted({*examples("MOBILE"), *examples("FIXED_LINE")})
    refusals = Counter(filter(None, map(EVERYWHERE.refusal, numbers)))
    assert len(numbers) > 400
    assert refusals == {}


@pytest.mark.parametrize("kind", ["MOBILE", "FIXED_LINE"])
def test_only_numbers_of_allowed_countries_and_types_are_called(kind):
    name = kind.lower()
    gb = Eligibility({"gb"}, [name])
    for region in REGIONS:
        number = phonenumbers.example_number_for_type(region, getattr(PhoneNumberType, kind))
        if number is None:
            continue
        told = phonenumbers.region_code_for_number(number)
        typed = PhoneNumberType.to_string(phonenumbers.number_type(number)).lower()
        assert (gb.refusal(e164(number)) is None) == (told == "GB" and typed == name)


def test_no_country_is_allowed_where_none_is_given():
    assert Eligibility([], fiction=True).refusal("+12025550123") == (
        "in US, which is not an allowed country; allowed are none"
    )


@pytest.mark.parametrize("ending", range(100))
def test_fiction_is_called_on_the_embedded_platform_only(ending):
    number = f"+120255501{ending:02}"
    assert Eligibility({"US"}, fiction=True).refusal(number) is None
    assert "fiction" in (Eligibility({"US"}).refusal(number) or "")
    assert "fiction" in (Eligibility(None).refusal(number) or "")


def test_fiction_lifts_no_other_rule():
    rule = Eligibility({"US"}, fiction=True)
    assert "premium" in (rule.refusal("+19005550123") or "")
    assert "toll-free" in (rule.refusal("+18005550123") or "")
    assert "in CA" in (rule.refusal("+14165550123") or "")
    assert "valid" in (rule.refusal("+19995550123") or "")


def test_every_magic_number_of_the_simulator_may_be_called_there():
    assert [number for number in MAGIC if Eligibility({"US"}, fiction=True).refusal(number)] == []


def test_a_number_with_its_national_prefix_left_in_is_refused_as_a_second_spelling():
    seen = 0
    for region in REGIONS:
        prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True)
        number = phonenumbers.example_number_for_type(region, PhoneNumberType.FIXED_LINE)
        if not prefix or number is None:
            continue
        twin = f"+{number.country_code}{prefix}{phonenumbers.national_significant_number(number)}"
        assert EVERYWHERE.refusal(twin), region
        if phonenumbers.is_valid_number(phonenumbers.parse(twin)):
            seen += 1
            assert "national prefix" in (EVERYWHERE.refusal(twin) or ""), region
            assert canonical_number(twin) == e164(number)
    assert seen > 50


@given(st.text(max_size=20) | st.from_regex(r"\+[0-9]{1,16}", fullmatch=True))
def test_whatever_may_be_called_is_valid_canonical_and_of_a_person(text):
    if EVERYWHERE.refusal(text) is None:
        number = phonenumbers.parse(text)
        assert phonenumbers.is_valid_number(number)
        assert e164(number) == text == canonical_number(text)
        assert PhoneNumberType.to_string(phonenumbers.number_type(number)).lower() in CALLABLE_TYPES
        assert phonenumbers.region_code_for_number(number) != "001"


def test_of_many_random_numbers_none_of_another_country_passes():
    random_digits = random.Random(11)
    gb, passed = Eligibility({"GB"}), 0
    for _ in range(20_000):
        number = "+" + "".join(random_digits.choices("0123456789", k=random_digits.randint(7, 13)))
        number = random_digits.choice([number, f"+44{number[3:]}"])
        if gb.refusal(number) is None:
            passed += 1
            assert number.startswith("+44")
    assert passed > 50


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_refusal_does_not_hold_the_number(number):
    assert number[4:] not in (EVERYWHERE.refusal(number) or "")


@pytest.mark.parametrize(
    ("countries", "types", "field"),
    [
        (["XX"], CALLABLE_TYPES, "countries"),
        (["001"], CALLABLE_TYPES, "countries"),
        ([None], CALLABLE_TYPES, "countries"),
        ("GB", CALLABLE_TYPES, "countries, types"),
        (["GB"], "mobile", "countries, types"),
        (["GB"], ["premium_rate"], "types"),
        (["GB"], ["voip"], "types"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(countries, types, field):
    with pytest.raises(InvalidInputError) as caught:
        Eligibility(countries, types)
    assert caught.value.field == field


def test_a_rule_shows_what_it_allows():
    assert repr(Eligibility({"us", "GB"}, ["mobile"])) == "Eligibility(GB, US; mobile)"
    assert repr(Eligibility([], ["mobile"], fiction=True)) == "Eligibility(no country; mobile; fiction)"
