"""What a plan will do, before anything is sent: data as DataFrames, seen as text or in a notebook."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SECTIONS", "PlanSummary"]

SECTIONS = {
    "arms": "Calls by arm",
    "texts": "Texts, in characters as the platform counts them",
    "countries": "Calls by country, and their price",
    "hours": "Calls by hour",
    "refused": "Not called",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class PlanSummary:
    """What a plan will do; made by `Plan.summary`.

    Attributes
    ----------
    campaign : str
        The campaign's name.
    calls, numbers : int
        Calls that will be placed, and numbers that they go to.
    arms : DataFrame
        ``arm, content, hours, text_characters, calls, share``; `text_characters` is the longest text's length.
    texts : DataFrame
        ``arm, shortest, longest, allowed``, one row an arm with a text.
    countries : DataFrame
        ``country, calls, price_per_call, price_per_minute, cost``; a missing price is NaN.
    hours : DataFrame
        ``day, hour, recipients_clock, tenants_clock``: calls that ring in this hour on either clock.
    refused : DataFrame
        ``reason, recipients``.
    starts, ends : pandas.Timestamp or None
        The first and the last call, UTC; None where no clock was asked.
    minutes : float
        From the first to the last call.
    cost : float or None
        Of all calls whose country has a price; None where no country has one.
    currency : str or None
        Of the cost.
    contact_policy : mapping or None
        What the platform is told to keep besides.
    notes : tuple of str
        What must be known to read it.
    """

    campaign: str
    calls: int
    numbers: int
    arms: pd.DataFrame
    texts: pd.DataFrame
    countries: pd.DataFrame
    hours: pd.DataFrame
    refused: pd.DataFrame
    starts: pd.Timestamp | None = None
    ends: pd.Timestamp | None = None
    minutes: float = 0.0
    cost: float | None = None
    currency: str | None = None
    contact_policy: Any = field(default=None)
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> tuple[pd.DataFrame, ...]:
        """The tables, in the order in which they are shown."""
        return tuple(getattr(self, name) for name in SECTIONS)

    @property
    def headline(self) -> str:
        """One sentence: how many calls, when, at what price."""
        parts = [f"{self.campaign}: {_counted(self.calls, 'call')} to {_counted(self.numbers, 'number')}"]
        if self.starts is not None and self.ends is not None:
            parts.append(
                f"from {self.starts:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M} UTC ({self.minutes:,.1f} minutes)"
            )
        if self.cost is not None:
            parts.append(f"about {_money(self.cost)} {self.currency or '(no currency set)'}")
        return ", ".join(parts) + "."

    def to_text(self) -> str:
        """Return everything as plain text."""
        parts = [self.headline]
        for title, frame in self._shown():
            parts.append(f"\n{title}\n{frame.to_string(index=False, na_rep='—')}")
        parts += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(parts)

    def to_html(self) -> str:
        """Return everything as an HTML fragment; every text in it is escaped."""
        sections = [
            (title, list(frame.columns), frame.astype("object").where(frame.notna(), "—").to_numpy().tolist())
            for title, frame in self._shown()
        ]
        return str(_template().render(headline=self.headline, sections=sections, notes=self.notes))

    def _shown(self) -> list[tuple[str, pd.DataFrame]]:
        found = []
        for name, title in SECTIONS.items():
            frame = getattr(self, name).round(4)
            if len(frame):
                found.append((title, frame.rename(columns=lambda column: str(column).replace("_", " "))))
        return found

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"PlanSummary({self.headline})"

    def _repr_html_(self) -> str:
        return self.to_html()

    def __eq__(self, other: object) -> bool:
        """Tell whether another summary shows the same."""
        if not isinstance(other, PlanSummary):
            return NotImplemented
        plain = [one.name for one in fields(self) if one.name not in SECTIONS]
        return all(getattr(self, name) == getattr(other, name) for name in plain) and all(
            mine.equals(others) for mine, others in zip(self.frames, other.frames, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # it holds tables


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _money(amount: float) -> str:
    """Return an amount in two decimals, more where these would hide it."""
    text = f"{amount:,.4f}" if 0 < amount < 1 else f"{amount:,.2f}"
    return text[:-2] if text.endswith("00") and len(text.partition(".")[2]) == 4 else text


@cache
def _template() -> Any:
    import jinja2

    return jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_HTML)


_HTML = """\
<div class="imilab-plan">
<p><strong>{{ headline }}</strong></p>
{% for title, columns, rows in sections %}
<table>
<caption style="text-align:left;caption-side:top">{{ title }}</caption>
<thead><tr>
{% for column in columns %}
<th scope="col" style="text-align:left">{{ column }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in rows %}
<tr>
{% for cell in row %}
<td style="text-align:{{ 'right' if cell is number else 'left' }}">{{ cell }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
{% endfor %}
{% if notes %}
<ul>
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
</div>
"""
