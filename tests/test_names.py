"""Names that people give: what is a full number in one, and what is a date or an id."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.names import check_name, hide_in_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("+12025550177", "+1•••••177"),
        ("12025550177", "+1•••••177"),
        ("call +44 7400 123456 again", "call +44•••••456 again"),
        ("call-447400123456", "call-+44•••••456"),
        ("GB / +12025550177", "GB / +1•••••177"),
        ("+1-202-555-0177/+1-202-555-0178", "+1•••••177/+1•••••178"),
    ],
)
def test_a_full_number_is_hidden_and_refused(name, shown):
    assert hide_in_name(name) == shown
    with pytest.raises(InvalidInputError, match="campaign: holds a phone number") as raised:
        check_name(name, "campaign")
    assert "2025550177" not in str(raised.value)


@pytest.mark.parametrize(
    "name",
    [
        *("", "lunch", "plan-9df9b4e8", "plan-20123456", "lunch 2026", "1772442000", "1772442000000", "+1•••••177"),
        *("5f0c2f0e-8a41-4b6c-9d0e-447400123456", "GB / new", "v1.2.3", "customer 48213377", "45-54", "000000000000"),
    ],
)
def test_other_names_stay_as_they_are(name):
    assert check_name(name, "campaign") == name


@given(
    st.dates(date(2020, 1, 1), date(2060, 1, 1)),
    st.times(),
    st.sampled_from(["{0:%Y%m%d}", "lunch {0}", "lunch-{0:%Y%m%d}{1:%H%M}", "{0:%Y%m%d}{1:%H%M%S}", "{0}T{1:%H:%M}"]),
)
def test_no_date_is_taken_for_a_number(day, time, form):
    name = form.format(day, time)
    assert hide_in_name(name) == name
