"""What a call form shows, as HTML: where it calls, what is too long, what happens to the call."""

from __future__ import annotations

from imilab.widgets.call_run import CallProgress
from imilab.widgets.call_state import CallState
from imilab.widgets.lab_protocol import CallingLab
from imilab.widgets.style import render

__all__ = ["banner_html", "counter_html", "dry_run_html", "number_html", "problem_html", "progress_html"]

BANNER = """
{% if simulated %}
<div class="imilab-box imilab-good">Embedded platform: no phone rings.</div>
{% else %}
<div class="imilab-box imilab-warning" role="note">
<p><strong>Real platform: sending makes a real phone ring, and may cost money.</strong></p>
{% if needed %}
<p>Not armed, so nothing is dialled yet. Still needed:</p>
<ul>
{% for one in needed %}
<li>{{ one }}</li>
{% endfor %}
</ul>
{% else %}
<p>Armed: {{ left }} more {{ "call" if left == 1 else "calls" }} may be placed.</p>
{% endif %}
</div>
{% endif %}
"""
COUNTER = """
{% if surplus %}
<span class="imilab-wrong" role="alert">{{ counter }}: {{ surplus }} too many. Shorten the text, or the platform refuses
it.</span>
{% else %}
<span class="imilab-note">{{ counter }} characters</span>
{% endif %}
"""
NUMBER = """
{% if problem %}
<span class="imilab-wrong" role="alert">{{ problem }}</span>
{% else %}
<span class="imilab-note">Masked when you leave the field and forgotten when the call is sent, so that no saved notebook
holds it.</span>
{% endif %}
"""
PROGRESS = """
<div class="imilab-box {{ mood }}" role="{{ 'alert' if run.problem else 'status' }}" aria-live="polite">
<p>Call to {{ run.number }}, spoken by {{ run.voice }}</p>
{% if run.outcome %}
<p class="imilab-call-outcome"><strong>{{ run.outcome }}</strong></p>
{% endif %}
{% if run.problem %}
<p class="imilab-words"><strong>{{ run.problem }}</strong></p>
{% endif %}
{% if run.now %}
<p class="imilab-now">{{ run.now }}</p>
{% endif %}
{% if run.steps %}
<table class="imilab-events">
<thead><tr><th scope="col" class="imilab-seconds">Time</th><th scope="col">Event</th></tr></thead>
<tbody>
{% for step in run.steps %}
<tr><td class="imilab-seconds">+{{ "%.1f"|format(step.seconds) }} s</td><td>{{ step.words }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
</div>
"""
PROBLEM = """
<div class="imilab-box imilab-problem" role="alert"><p class="imilab-words"><strong>{{ words }}</strong></p></div>
"""
DRY_RUN = """
<div class="imilab-box" role="status">
<p><strong>Dry run: nothing was sent.</strong> This is the request; numbers are masked, and of the notify URL only the
host is shown.</p>
<pre class="imilab-json">{{ body }}</pre>
</div>
"""


def banner_html(lab: CallingLab) -> str:
    """Say whether a phone rings, and what is needed before it does."""
    if lab.is_simulated:
        return render(BANNER, simulated=True)
    return render(BANNER, simulated=False, needed=lab.arming.still_needed, left=lab.arming.calls_left)


def counter_html(state: CallState) -> str:
    """Say how long the text is, and by how much it is too long."""
    return render(COUNTER, counter=state.counter, surplus=state.surplus)


def number_html(state: CallState) -> str:
    """Say what is wrong with the number, else what becomes of it."""
    return render(NUMBER, problem=state.number_problem)


def progress_html(run: CallProgress) -> str:
    """Show a call: whom it goes to, what became of it, its events."""
    mood = "imilab-problem" if run.problem else "imilab-good" if run.outcome.startswith("Answered") else ""
    return render(PROGRESS, run=run, mood=mood)


def problem_html(words: str) -> str:
    """Show what went wrong."""
    return render(PROBLEM, words=words)


def dry_run_html(body: str) -> str:
    """Show the request that would be sent."""
    return render(DRY_RUN, body=body)
