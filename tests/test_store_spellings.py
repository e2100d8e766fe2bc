"""One number in all its spellings: found everywhere, and nothing else taken for it."""

from __future__ import annotations

import json
from urllib.parse import quote

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.store.spellings import Spellings, canonical_of

NUMBER = "+12025550123"
SPELLED = (
    *(NUMBER, NUMBER[1:], "00" + NUMBER[1:], "+1 202-555-0123", "(202) 555-0123", "202.555.0123", "2025550123"),
    *("+1\u2011202\u2011555\u20110123", "+1\u00a0202\u00a0555\u00a00123", "tel:+1-202-555-0123;ext=4", "1/202/5550123"),
    *("+１２０２５５５０１２３", "٢٠٢٥٥٥٠١٢٣"),
)
OTHERS = ("+12025550124", "120255501234", "20255501230", "92025550123", "+442025550123", "a1b2c3")
SAMPLES = [
    phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for region in ("GB", "IN", "DE", "FR", "IT", "BR", "AU", "JP", "IS", "MX", "ZA", "RU")
    if (example := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE))
]


@pytest.mark.parametrize("text", SPELLED)
def test_every_spelling_is_found_in_a_text_in_json_in_a_url_and_in_a_column(text):
    spellings = Spellings(NUMBER)
    digits = NUMBER[2:]

    for written in (f"Call {text}, please", json.dumps({"a": text}), quote(text), f"x={text}&y=1"):
        assert spellings.redact(written) != written, written
        clean = spellings.redact_bytes(written.encode()).decode()
        assert spellings.redact_bytes(clean.encode()).decode() == clean
        assert digits not in clean
    assert spellings.names(text)


def test_json_that_escapes_every_sign_is_read_too():
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in NUMBER)

    assert json.loads(f'"{escaped}"') == NUMBER
    assert Spellings(NUMBER).redact(f'{{"to": "{escaped}"}}') == '{"to": "•••••"}'


@pytest.mark.parametrize("text", OTHERS)
def test_other_numbers_and_chance_are_left(text):
    spellings = Spellings(NUMBER)

    assert spellings.redact(text) == text
    assert spellings.redact_bytes(text.encode()) == text.encode()
    assert spellings.redact_id(text, "x") == text
    assert not spellings.names(text)


def test_a_body_in_no_encoding_keeps_its_other_bytes():
    raw = b"\xff\xfe\x00" + NUMBER.encode() + b"\x80\xed\xa0\x80"

    assert Spellings(NUMBER).redact_bytes(raw) == b"\xff\xfe\x00" + "•••••".encode() + b"\x80\xed\xa0\x80"
    assert NUMBER.encode("utf-16-le") not in Spellings(NUMBER).redact_bytes(NUMBER.encode("utf-16-le"))


def test_an_id_loses_the_number_with_its_country_code_only():
    spellings = Spellings(NUMBER)

    assert spellings.redact_id("campaign-12025550123-a", "T") == "campaign-T-a"
    assert spellings.redact_id("order-2025550123", "T") == "order-2025550123"


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_usual_formats_of_a_country_are_found(sample):
    spellings, number = Spellings(sample), phonenumbers.parse(sample)
    formats = phonenumbers.PhoneNumberFormat

    for kind in (formats.E164, formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966):
        text = phonenumbers.format_number(number, kind)
        assert spellings.names(text), kind
        left = spellings.redact(f"call {text} now")
        assert sum(sign.isdigit() for sign in left) <= 1, (text, left)  # a national prefix may be left, such as 8


@given(st.text(max_size=60))
def test_a_text_without_digits_is_never_changed(text):
    if not any(sign.isdigit() for sign in text) and "%" not in text and "\\u" not in text:
        assert Spellings(NUMBER).redact(text) == text


@pytest.mark.parametrize("text", ["", "number", "+999999", "0202", "+1202", "2025550123", None, 12025550123])
def test_what_is_no_number_is_refused_without_being_repeated(text):
    with pytest.raises(InvalidInputError, match="no number of any country; write \\+") as raised:
        Spellings(text)

    assert "202" not in str(raised.value)


@given(st.sampled_from(SAMPLES), st.sampled_from(["+{}", "00{}", "{}", "+ {}", "(+{})", "tel:+{}"]))
def test_the_canonical_spelling_is_one(sample, form):
    text = form.format(sample[1:])

    assert canonical_of(text) == sample
    if form != "{}":
        assert Spellings(text).canonical == sample
