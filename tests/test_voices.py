from __future__ import annotations

import csv
import dataclasses
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.terms import Media, Voice, voices

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "imilab" / "terms" / "voices.csv"
MAKE_VOICES = ROOT / ".ci" / "make_voices.py"

with CATALOGUE.open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file))
LISTED = st.sampled_from(ROWS)


def test_a_full_name_fills_everything_from_the_catalogue() -> None:
    voice = Voice("en-IN-NeerjaNeural")
    assert voice.name == "en-IN-NeerjaNeural"
    assert voice.short_name == "NeerjaNeural"
    assert voice.language == "en-IN"
    assert voice.gender == "Female"
    assert voice.voice_type == "neural"
    assert voice.region == "English (India)"
    assert voice.known
    assert voice.notes == ()


def test_an_unambiguous_short_name_is_the_same_voice() -> None:
    assert Voice("RyanNeural") == Voice("en-GB-RyanNeural") == Voice("EN-gb-ryanneural")
    assert hash(Voice("RyanNeural")) == hash(Voice("en-GB-RyanNeural"))


def test_each_given_value_wins() -> None:
    voice = Voice("en-GB-RyanNeural", language="EN-us", gender="FEMALE", voice_type="Standard", region="Canada")
    assert (voice.name, voice.short_name) == ("en-GB-RyanNeural", "RyanNeural")
    assert (voice.language, voice.gender, voice.voice_type, voice.region) == ("en-US", "Female", "standard", "Canada")


def test_a_voice_in_another_language_takes_that_languages_region_and_says_so() -> None:
    voice = Voice("AvaMultilingualNeural", language="fr-FR")
    assert (voice.name, voice.language, voice.region) == ("en-US-AvaMultilingualNeural", "fr-FR", "French (France)")
    assert voice.known
    assert voice.notes == ("en-US-AvaMultilingualNeural is listed for en-US; fr-FR is sent as its language.",)


def test_every_listed_voice_survives_the_way_to_its_short_name_and_back() -> None:
    for row in ROWS:
        voice = Voice(row["voice"])
        assert (voice.name, voice.language, voice.region) == (row["voice"], row["locale"], row["language_name"])
        assert voice.known
        assert Voice(voice.short_name, language=voice.language) == voice
        assert Voice(voice.name.upper()) == voice
        assert dataclasses.replace(voice) == voice
        assert eval(repr(voice)) == voice


def test_short_names_are_understood_exactly_where_they_are_not_ambiguous() -> None:
    counts = Counter(row["short_name"].lower() for row in ROWS)
    ambiguous = [row for row in ROWS if counts[row["short_name"].lower()] > 1]
    assert len({row["short_name"].lower() for row in ambiguous}) == 15
    for row in ambiguous:
        with pytest.raises(InvalidInputError, match=row["voice"]) as error:
            Voice(row["short_name"])
        assert error.value.field == "voice"
    for row in ROWS:
        if counts[row["short_name"].lower()] == 1:
            assert Voice(row["short_name"]).name == row["voice"]


def test_an_ambiguous_short_name_is_settled_by_the_language() -> None:
    assert Voice("AaravNeural", language="hi-in").name == "hi-IN-AaravNeural"
    with pytest.raises(InvalidInputError, match="en-IN-AaravNeural, hi-IN-AaravNeural"):
        Voice("AaravNeural", language="fr-FR")


def test_a_locale_prefix_in_lower_case_and_an_hd_name_are_split_correctly() -> None:
    voice = Voice("en-us-ava:DragonHDOmniLatestNeural")
    assert (voice.short_name, voice.language) == ("ava:DragonHDOmniLatestNeural", "en-US")
    assert "preview" in voice.notes[0]
    assert Voice("iu-Cans-CA-SiqiniqNeural").short_name == "SiqiniqNeural"
    assert Voice("zh-CN-sichuan-YunxiNeural").short_name == "YunxiNeural"


@pytest.mark.filterwarnings("error")
def test_an_unlisted_voice_is_allowed_and_says_so_without_a_warning() -> None:
    voice = Voice("en-GB-RianNeural", gender="Male")
    assert (voice.name, voice.short_name, voice.language) == ("en-GB-RianNeural", "RianNeural", "en-GB")
    assert (voice.region, voice.voice_type, voice.known) == ("English (United Kingdom)", "neural", False)
    assert "not in the list" in voice.notes[0]
    assert "en-GB-RyanNeural" in voice.notes[1]


def test_a_legacy_voice_can_be_expressed() -> None:
    voice = Voice("Apollo", language="en-IN", gender="Female")
    assert (voice.name, voice.short_name, voice.voice_type) == ("en-IN-Apollo", "Apollo", "standard")
    assert voice == Voice("en-in-Apollo", gender="Female")
    assert not voice.known


def test_an_unlisted_voice_in_a_listed_dialect_keeps_the_whole_locale() -> None:
    voice = Voice("zh-CN-henan-FooNeural", gender="Male")
    assert (voice.short_name, voice.language) == ("FooNeural", "zh-CN-henan")


def test_a_language_without_a_known_name_is_its_own_region_and_says_so() -> None:
    voice = Voice("FooNeural", language="en-jm", gender="Male")
    assert (voice.language, voice.region) == ("en-JM", "en-JM")
    assert "region=" in voice.notes[-1]
    assert Voice("FooNeural", language="en-JM", gender="Male", region="Jamaica").region == "Jamaica"


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        ("RyanNeurall", {"gender": "Male"}, "language"),
        ("Apollo", {}, "language"),
        ("en-GB-RianNeural", {}, "gender"),
        ("en-GB-RyanNeural", {"gender": "M"}, "gender"),
        ("en-GB-RyanNeural", {"language": "English"}, "language"),
        ("en-GB-RyanNeural", {"language": ""}, "language"),
        ("en-GB-RyanNeural", {"voice_type": "loud"}, "voice_type"),
        ("en-GB-RyanNeural", {"region": " "}, "region"),
        ("", {}, "voice"),
        ("en-GB-\x00", {}, "voice"),
        (None, {}, "voice"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_field(name: str, given: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        Voice(name, **given)
    assert error.value.field == field


def test_a_mistyped_short_name_gets_a_suggestion() -> None:
    with pytest.raises(InvalidInputError, match="en-GB-RyanNeural"):
        Voice("RyanNeurall")


def test_azures_own_type_is_neural_on_the_wire() -> None:
    for row in ROWS:
        assert Voice(row["voice"], voice_type=row["voice_type"]).voice_type == "neural"


def test_a_voice_is_frozen_and_survives_pickling() -> None:
    voice = Voice("en-GB-RyanNeural")
    with pytest.raises(dataclasses.FrozenInstanceError):
        voice.gender = "Female"  # type: ignore[misc]  # refused
    assert pickle.loads(pickle.dumps(voice)) == voice


@given(st.text(), st.sampled_from(["en-GB", "zh-CN-henan", "fr-XX"]))
def test_any_name_makes_a_voice_or_an_input_error(name: str, language: str) -> None:
    if not name.strip().isprintable() or not name.strip():
        with pytest.raises(InvalidInputError, match="voice"):
            Voice(name, language=language, gender="Male")
        return
    voice = Voice(name, language=language, gender="Male")
    assert voice.language == language
    assert voice.short_name
    assert dataclasses.replace(voice) == voice


@given(LISTED, st.sampled_from(["locale", "gender", "voice_type"]), st.booleans())
def test_each_filter_keeps_exactly_its_voices(row: dict[str, str], column: str, upper: bool) -> None:
    value = row[column].upper() if upper else row[column]
    found = voices(**{column: value})
    assert found["voice"].tolist() == [other["voice"] for other in ROWS if other[column] == row[column]]


def test_voices_lists_the_whole_catalogue() -> None:
    table = voices()
    assert list(table.columns) == [
        "locale",
        "language_name",
        "voice",
        "short_name",
        "gender",
        "voice_type",
        "child",
        "preview",
    ]
    assert table["voice"].tolist() == [row["voice"] for row in ROWS]
    assert table.drop(columns=["child", "preview"]).dtypes.astype(str).unique().tolist() == ["str"]
    assert (int(table["child"].sum()), int(table["preview"].sum())) == (9, 27)
    assert table["child"].dtype == bool


def test_filters_combine_and_a_language_alone_takes_all_its_locales() -> None:
    assert set(voices(locale="en", gender="male")["locale"]) > {"en-GB", "en-IN"}
    assert voices("en-GB", "Male")["gender"].unique().tolist() == ["Male"]
    assert voices(locale="zh-CN")["locale"].unique().tolist() == ["zh-CN"]


def test_a_filter_that_fits_nothing_gives_no_rows_with_the_same_types() -> None:
    empty = voices(locale="xx-XX")
    assert empty.empty
    assert (empty.dtypes == voices().dtypes).all()


@pytest.mark.parametrize(
    ("locale", "name"),
    [
        ("en-IN", "English (India)"),
        ("en-GB", "English (United Kingdom)"),
        ("sr-Latn-RS", "Serbian (Latin, Serbia)"),
        ("iu-Cans-CA", "Inuktitut (Unified Canadian Aboriginal Syllabics, Canada)"),
        ("wuu-CN", "Wu Chinese (China)"),
        ("zh-CN-henan", "Chinese (Simplified, China, Henan)"),
    ],
)
def test_locales_have_english_names(locale: str, name: str) -> None:
    assert voices(locale=locale)["language_name"].unique().tolist() == [name]


def test_no_two_locales_share_an_english_name() -> None:
    assert len({row["language_name"] for row in ROWS}) == len({row["locale"] for row in ROWS}) == 154


def test_the_catalogue_is_what_its_script_writes(tmp_path: Path) -> None:
    target = tmp_path / "voices.csv"
    subprocess.run([sys.executable, MAKE_VOICES, CATALOGUE, target], check=True, capture_output=True)
    assert target.read_text(encoding="utf-8") == CATALOGUE.read_text(encoding="utf-8")


def test_the_script_refuses_a_voice_outside_its_locale(tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text(
        "locale,voice,gender,voice_type,child,preview\nen-GB,en-US-FooNeural,Male,Neural,,\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, MAKE_VOICES, source, tmp_path / "out.csv"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "en-US-FooNeural" in done.stderr


def test_media_is_its_id() -> None:
    assert Media("12345") == Media(" 12345 ")
    assert hash(Media("12345")) == hash(Media("12345"))
    assert repr(Media("12345")) == "Media(media_id='12345')"


@pytest.mark.parametrize("media_id", ["", "  ", "a\nb", None, 12345])
def test_media_needs_an_id_of_one_line_of_text(media_id: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        Media(media_id)
    assert error.value.field == "media_id"
