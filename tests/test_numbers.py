from __future__ import annotations

import hashlib
import hmac
import re
import subprocess
import sys
import uuid

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.numbers import NumberFacts, describe_number, is_e164, mask, number_key, scrub

SAMPLE = "+12025550123"
BULLETS = "•••••"
E164 = st.from_regex(re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII), fullmatch=True)


def example(region: str, kind: int = phonenumbers.PhoneNumberType.MOBILE) -> str:
    number = phonenumbers.example_number_for_type(region, kind)
    assert number is not None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SAMPLE, True),
        ("+1234567", True),
        ("+123456789012345", True),
        ("+123456", False),
        ("+1234567890123456", False),
        ("+0234567890", False),
        ("12025550123", False),
        ("+1 2025550123", False),
        (SAMPLE + "\n", False),
        ("+१२०२५५५०१२३", False),
        ("", False),
    ],
)
def test_e164_is_a_plus_and_7_to_15_ascii_digits(text: str, expected: bool) -> None:
    assert is_e164(text) is expected


def test_mask_keeps_the_calling_code_and_the_last_three_digits() -> None:
    assert mask(SAMPLE) == "+1•••••123"
    number = example("GB")
    assert mask(number) == f"+44•••••{number[-3:]}"
    number = example("IE")
    assert mask(number) == f"+353•••••{number[-3:]}"


@pytest.mark.parametrize(
    "text", ["", "+", "123", "+1", "2025550123", "no number", "+999123456789", "+1 2025550123", "0123\n"]
)
def test_mask_of_what_is_no_number_is_bullets_alone(text: str) -> None:
    assert mask(text) == BULLETS


def test_mask_of_a_number_too_short_to_hide_four_digits_is_bullets_alone() -> None:
    assert mask(example("AD")) == BULLETS  # six digits after +376
    assert mask("+12345678") == "+1•••••678"
    assert mask("+1234567") == BULLETS


@given(E164)
def test_mask_shows_nothing_but_an_existing_calling_code_and_three_digits(number: str) -> None:
    shown = mask(number)
    if shown != BULLETS:
        code, last = shown.split(BULLETS)
        assert int(code[1:]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        assert number.startswith(code)
        assert number.endswith(last)
        assert len(last) == 3
        assert len(number) - len(code) - len(last) >= 4


@given(st.from_regex(r"[0-9]{4,8}", fullmatch=True), st.from_regex(r"[0-9]{4,8}", fullmatch=True))
def test_numbers_that_differ_in_the_middle_only_have_one_mask(one: str, other: str) -> None:
    assert mask(f"+44{one}123") == mask(f"+44{other}123") == "+44•••••123"


@given(st.text())
def test_mask_of_any_text_never_raises_and_stays_under_a_second_mask(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_number_key_is_the_keyed_hmac_of_the_number() -> None:
    expected = hmac.new(b"secret", SAMPLE.encode(), hashlib.sha256).hexdigest()
    assert number_key(SAMPLE, b"secret") == expected
    assert number_key(SAMPLE, b"other") != expected
    assert re.fullmatch(r"[0-9a-f]{64}", expected)


def test_number_key_needs_a_key() -> None:
    with pytest.raises(InvalidInputError, match="key") as error:
        number_key(SAMPLE, b"")
    assert "2025550123" not in str(error.value)


@pytest.mark.parametrize(
    ("region", "kind", "name"),
    [
        ("GB", phonenumbers.PhoneNumberType.MOBILE, "mobile"),
        ("GB", phonenumbers.PhoneNumberType.FIXED_LINE, "fixed_line"),
        ("DE", phonenumbers.PhoneNumberType.PREMIUM_RATE, "premium_rate"),
        ("IN", phonenumbers.PhoneNumberType.TOLL_FREE, "toll_free"),
    ],
)
def test_country_and_type_are_known_from_the_digits(region: str, kind: int, name: str) -> None:
    assert describe_number(example(region, kind)) == NumberFacts(country=region, number_type=name)


def test_sample_numbers_are_north_american_and_of_either_type() -> None:
    assert describe_number(SAMPLE) == NumberFacts("US", "fixed_line_or_mobile")


def test_a_satellite_number_belongs_to_no_country() -> None:
    number = phonenumbers.format_number(
        phonenumbers.example_number_for_non_geo_entity(870), phonenumbers.PhoneNumberFormat.E164
    )
    assert describe_number(number).country == "001"


@pytest.mark.parametrize("text", ["", "no number", "+999123456789", "+1 202 555 0123", "+1202555012"])
def test_facts_of_what_is_no_valid_number_have_no_type(text: str) -> None:
    assert describe_number(text).number_type is None


@given(E164)
def test_any_e164_text_can_be_described(number: str) -> None:
    facts = describe_number(number)
    assert facts.number_type is None or facts.country is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"to {SAMPLE} failed", "to +1•••••123 failed"),
        (f"msisdn{SAMPLE},+12025550199", "msisdn+1•••••123,+1•••••199"),
        ("+1 (202) 555-0123.", "+1•••••123."),
        ("+1\u00a0202\u2011555\u20110123", "+1•••••123"),
        (f"{SAMPLE}\n7401", "+1•••••123\n7401"),
        ("12025550123", BULLETS),
        ("msisdn_12025550123x", f"msisdn_{BULLETS}x"),
        ("5550123", BULLETS),
        ("(202) 555-0123", BULLETS),
        ("1-202-555-0123", BULLETS),
        ("020 2555 0123", BULLETS),
        ("+१२०२५५५०१२३", BULLETS),
        ("+99912345678", BULLETS),
    ],
)
def test_scrub_masks_what_looks_like_a_number(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "code 7404 (HTTP 400), 123456 left",
        "2026-11-23T10:15:30.151+05:30",
        "2026-11-23 10:15:30",
        "12345678-1234-1234-1234-123456789012",
        "0123456789abcdef0123456789abcdef",
        "163777219999912345678",
        "host 192.168.100.200, version 2.0.1",
        "+1•••••123",
    ],
)
def test_scrub_leaves_codes_times_and_ids(text: str) -> None:
    assert scrub(text) == text


@given(st.uuids())
def test_scrub_leaves_every_uuid(value: uuid.UUID) -> None:
    assert scrub(f"message {value} was refused") == f"message {value} was refused"


NOT_A_DIGIT = st.characters(exclude_categories=["Nd", "Cs"])


@given(st.text(NOT_A_DIGIT, max_size=8), E164, st.text(NOT_A_DIGIT, max_size=8))
def test_scrub_hides_every_number_whatever_stands_around_it(before: str, number: str, after: str) -> None:
    hidden = scrub(f"{before}{number}{after}")
    assert number[1:] not in hidden
    assert scrub(hidden) == hidden


def test_importing_numbers_does_not_load_phonenumbers() -> None:
    code = "import sys, imilab.numbers; print('phonenumbers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
