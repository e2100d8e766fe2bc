"""The HTML report: one file, nothing from outside, everything escaped, and the numbers that rates and compare give."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pandas as pd
import pytest

import imilab
from imilab import tables
from tests.report_page import Page

MADE_AT = datetime(2026, 4, 1, 8, 30, tzinfo=UTC)


def write(tmp_path, calls, **options):
    return imilab.report(calls, tmp_path / "report.html", made_at=MADE_AT, **options).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sample():
    return imilab.load_sample("calls")


@pytest.fixture(scope="module")
def source(tmp_path_factory, sample):
    return write(
        tmp_path_factory.mktemp("report"),
        sample,
        arm="voice",
        baseline="en-GB-RyanNeural",
        outcome="completed",
        tz="Europe/London",
        filters={"campaign": "all"},
        title="Appointments",
    )


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def test_it_is_one_file_that_asks_for_nothing(source, page):
    names = {tag for tag, _ in page.tags}
    references = [
        value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href", "srcset"}
    ]

    assert not re.search(r"https?://", source)
    assert not re.search(r"url\(|@import", source)
    assert names.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    assert references
    assert all(reference.startswith(("#", "data:image/png;base64,")) for reference in references)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_every_link_leads_to_a_place_in_it(page):
    places = {attributes["id"] for _, attributes in page.tags if "id" in attributes}

    assert {attributes["href"][1:] for attributes in page.attributes("a")} <= places
    assert {a["aria-labelledby"] for a in page.attributes("section")} <= places


def test_the_finding_comes_first_then_the_cautions_then_the_numbers(page, sample):
    found = imilab.compare(sample, arm="voice", baseline="en-GB-RyanNeural", outcome="completed")
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    told = text.index("en-GB-SoniaNeural is completed")

    assert told < text.index("No difference can be told: en-IN-NeerjaNeural") < text.index("2 arms are each compared")
    cautions = [text.index(caution) for caution in (*found.warnings, "Voicemail counts as answered: ")]
    assert text.index("2 arms are each compared") < min(cautions)
    assert max(cautions) < text.index("Summary Comparison")
    for sentence in re.split(r"(?<=[a-z)]\.) ", found.verdict):
        assert sentence in text, sentence


def test_the_key_figures_are_counts_of_the_calls(page, sample):
    counts = sample["outcome"].value_counts()
    placed = len(sample) - counts["not_placed"]
    expected = {
        "attempted": len(sample),
        "placed": placed,
        "resolved": placed - counts["pending"],
        "pending": counts["pending"],
        "numbers": sample["number_key"].nunique(),
    }

    for name, count in expected.items():
        assert f"{name} {count:,} " in page.text
    assert f"{100 * counts['pending'] / placed:.1f} % of placed calls: no final receipt yet" in page.text


def test_the_summary_has_every_outcome_with_count_share_and_interval(page, sample):
    rows = {row[0]: row[1:] for row in page.grid("What became of the calls")[1:]}
    table = imilab.rates(sample).rows
    expected = table[table["count"] > 0]

    assert set(rows) == {name.replace("_", " ") for name in expected["outcome"]}
    for row in expected.to_dict("records"):
        assert rows[row["outcome"].replace("_", " ")] == [
            f"{row['count']:,}",
            f"{row['n']:,}",
            tables.percent(row["rate"]),
            tables.percent_range(row["low"], row["high"]),
        ]


def test_rates_by_voice_stand_with_count_interval_and_pending(page, sample):
    heads, *rows = page.grid("Rates by voice")
    table = imilab.rates(sample, by="voice", outcomes="completed").rows

    assert heads[:4] == ["voice", "answered", "completed", "early hangup"]
    for row, shown in zip(table.to_dict("records"), rows, strict=True):
        assert shown[0].startswith(row["voice"])
        reach = tables.percent_range(row["low"], row["high"]).removesuffix(" %")
        assert shown[2] == f"{tables.percent(row['rate'])} {row['count']} of {row['n']} {reach}"
    assert "resolved" in rows[0][0]
    assert "pending" in rows[0][0]


def test_rates_by_hour_are_by_the_hour_of_the_zone_which_is_named(page, sample):
    rows = page.grid("Rates by hour of day in Europe/London")[1:]
    local = sample["requested_at"].dt.tz_convert("Europe/London").dt.hour

    assert [row[0][:5] for row in rows] == [f"{hour:02d}:00" for hour in sorted(local.unique())]
    answered = sample[(local == 8) & (sample["outcome"] == "answered")]
    assert f" {len(answered)} of " in rows[0][1]
    assert "By hour of day, Europe/London" in page.text


def test_codes_stand_with_their_share_and_the_refused_ones_with_theirs(page, sample):
    rows = {row[0]: row for row in page.grid("Why calls failed")[1:]}
    counts = sample["error_code"].value_counts()

    assert {code: int(rows[code][3].replace(",", "")) for code in counts.index} == counts.to_dict()
    resolved = (~sample["outcome"].isin(["pending", "not_placed"])).sum()
    assert rows["7401"][4] == f"{resolved:,} resolved"
    assert rows["7003"][4] == f"{len(sample):,} attempted"
    assert rows["7003"][2] == "to.msisdn: this number cannot be called"


def test_the_comparison_shows_the_difference_and_the_other_outcomes_too(page, sample):
    heads, *rows = page.grid("Completed by voice")
    found = imilab.compare(sample, arm="voice", baseline="en-GB-RyanNeural", outcome="completed")

    assert [dict(zip(heads, row, strict=True)) for row in rows] == found.to_rows()
    others = page.grid("The same arms by the other outcomes")[1:]
    assert [row[:2] for row in others] == [
        [outcome, arm]
        for outcome in ("answered", "early hangup")
        for arm in ("en-GB-SoniaNeural", "en-IN-NeerjaNeural")
    ]
    answered = imilab.compare(sample, arm="voice", baseline="en-GB-RyanNeural").differences.iloc[0]
    assert others[0][3] == tables.points(answered["estimate"])


def test_every_outcome_and_code_that_occurs_is_defined(page, sample):
    outcomes = {row[0] for row in page.grid("Outcomes")[1:]}
    codes = {row[0]: row[1] for row in page.grid("Codes that occur")[1:]}

    assert outcomes >= {name.replace("_", " ") for name in sample["outcome"]}
    assert outcomes >= {"completed", "early hangup"}
    assert set(codes) == set(sample["error_code"].dropna())
    assert codes["7402"] == "The person's line was busy."
    assert codes["7999"] == "The platform's pages do not document this code."


def test_it_says_where_it_comes_from(page, sample):
    facts = dict(page.grid("Where this report comes from"))

    assert facts["Calls"].startswith(f"{len(sample):,}, requested 2026-03-18 08:")
    assert facts["Filters"] == "campaign: all (as told by who made the report; imilab did not apply them)"
    assert facts["Zone"].startswith("Europe/London")
    assert facts["Made"] == "2026-04-01 09:30:00+01:00 Europe/London (2026-04-01 08:30:00 UTC)"
    assert f"imilab {imilab.__version__}, Python " in facts["Versions"]
    assert f"pandas {pd.__version__}" in facts["Versions"]
    assert facts["Phone numbers"] == "Masked, as they were handed in."
    found = imilab.compare(sample, arm="voice", baseline="en-GB-RyanNeural", outcome="completed")
    for note in (*imilab.rates(sample).notes, *found.footnotes):
        assert note in page.text


def test_tables_and_pictures_can_be_read_without_seeing_them(page):
    assert len(page.attributes("table")) == len(page.attributes("caption"))
    assert {attributes["scope"] for attributes in page.attributes("th")} == {"row", "col"}
    pictures = page.attributes("img")
    assert len(pictures) == 5
    assert all(len(attributes["alt"]) > 60 for attributes in pictures)
    assert page.attributes("html") == [{"lang": "en"}]
    assert [tag for tag, _ in page.tags if re.fullmatch(r"h\d", tag)][:2] == ["h1", "h2"]


def test_it_has_a_look_for_dark_screens_and_one_for_paper(source, page):
    assert "@media screen and (prefers-color-scheme: dark)" in source
    assert "@media print" in source
    assert [a["media"] for a in page.attributes("source")] == ["screen and (prefers-color-scheme: dark)"] * 5
