"""The recipes of docs/receiving.md: none answers a lost receipt with a status that is not tried again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.receiver_rig import NOT_RETRIED

PAGE = (Path(__file__).parents[1] / "docs" / "receiving.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("start", "answer"), [("server {", "return"), ("hooks.example.org {", "respond")])
def test_a_proxy_answers_other_paths_with_a_status_that_is_tried_again(start: str, answer: str) -> None:
    (recipe,) = re.findall(rf"^```\w*\n({re.escape(start)}.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (status,) = re.findall(rf"{answer} (\d+)", recipe)
    assert int(status) >= 400
    assert int(status) not in NOT_RETRIED


def test_the_unit_goes_on_trying() -> None:
    (unit,) = re.findall(r"^```ini\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert {"StartLimitIntervalSec=0", "Restart=always", "User=imilab", "WorkingDirectory=/var/lib/imilab"} <= {
        *unit.splitlines()
    }
