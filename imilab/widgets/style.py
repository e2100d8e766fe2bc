"""How the widgets look: one style sheet, the same in JupyterLab and Voila, light and dark; no remote resources."""

from __future__ import annotations

from functools import cache
from typing import Any

import ipywidgets as ipw
import jinja2

__all__ = ["above", "render", "row", "style_sheet"]

STYLE = """
<style>
.imilab-panel { color: var(--jp-ui-font-color1, #1b1e23); gap: 10px; padding: 4px 2px 8px; }
.imilab-panel .widget-html-content { line-height: 1.45; font-size: 13px; }
.imilab-panel .widget-html, .imilab-panel .jupyter-widget-html { height: auto; overflow: visible; }
[data-jp-theme-light="false"] .imilab-panel { color-scheme: dark; }
.imilab-form { max-width: 780px; }
.imilab-panel .imilab-row { flex-flow: row wrap; gap: 8px 16px; align-items: flex-end; overflow: visible; }
.imilab-panel .imilab-actions { align-items: center; }
.imilab-panel .imilab-field { flex-direction: column; align-items: stretch; height: auto; margin: 0 2px;
  overflow: visible; }
.imilab-panel .imilab-field > .widget-label { width: auto; height: auto; margin: 0; padding: 0; text-align: left;
  font-weight: 600; line-height: 1.7; overflow: visible; }
.imilab-panel .imilab-field > select, .imilab-panel .imilab-field > input, .imilab-panel .imilab-field > textarea {
  flex: 0 0 auto; width: auto; margin: 0; }
.imilab-panel .imilab-field > select { height: 28px; appearance: auto; background-image: none; }
.imilab-panel .imilab-field > select[multiple] { height: auto; padding: 3px 4px; }
.imilab-panel .imilab-filters { align-items: flex-start; }
.imilab-panel .widget-html:has(> .widget-html-content:empty) { display: none; }
.imilab-panel .jupyter-button { width: auto; padding: 0 16px; margin: 0 2px; }
.imilab-note { color: var(--jp-ui-font-color2, #565c66); }
.imilab-box { border: 1px solid var(--jp-border-color2, #bdc1c6); border-left-width: 5px; border-radius: 3px;
  padding: 7px 12px; background: var(--jp-layout-color1, #fff); }
.imilab-box p { margin: 2px 0; }
.imilab-box ul { margin: 2px 0; padding-left: 22px; }
.imilab-warning { border-left-color: var(--jp-warn-color1, #e65100); }
.imilab-problem { border-left-color: var(--jp-error-color1, #c62828); }
.imilab-good { border-left-color: var(--jp-success-color1, #2e7d32); }
.imilab-wrong { color: var(--jp-error-color1, #c62828); font-weight: 600; }
.imilab-events { margin: 6px 0 2px; border-collapse: collapse; }
.imilab-events th, .imilab-events td { padding: 2px 16px 2px 0; text-align: left; vertical-align: top; border: 0;
  background: none; color: inherit; }
.imilab-events .imilab-seconds { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.imilab-panel pre.imilab-json { margin: 4px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px;
  line-height: 1.4; font-family: var(--jp-code-font-family, monospace), monospace; color: inherit; background: none; }
.imilab-chart img { display: block; border-radius: 3px; }
.imilab-dark, [data-jp-theme-light="false"] .imilab-light { display: none; }
[data-jp-theme-light="false"] .imilab-dark { display: block; }
.imilab-scroll { max-height: 420px; overflow: auto; margin-top: 14px; }
.imilab-table table { border-collapse: collapse; margin: 0; font-size: 13px; color: inherit; }
.imilab-table th, .imilab-table td { padding: 3px 12px; color: inherit;
  border-bottom: 1px solid var(--jp-border-color2, #dadce0); }
.imilab-table thead th { position: sticky; top: 0; background: var(--jp-layout-color1, #fff); }
.imilab-table caption { font-weight: 600; padding: 4px 0; color: inherit; }
.imilab-table ul { color: var(--jp-ui-font-color2, #565c66); font-size: 12px; margin: 6px 0 0; padding-left: 18px; }
.imilab-panel a.imilab-download { color: var(--jp-content-link-color, #1565c0); font-weight: 600;
  text-decoration: underline; }
</style>
"""


def style_sheet() -> ipw.HTML:
    """Return the style sheet as a widget that shows nothing; each panel carries one."""
    sheet = ipw.HTML(STYLE)
    sheet.layout.display = "none"
    return sheet


def above(control: Any, label: str, width: str) -> Any:
    """Put a label above a control, and name its style class after it."""
    control.description, control.layout.width = label, width
    return control.add_class("imilab-field").add_class(f"imilab-{label.split(maxsplit=1)[0].lower()}")


def row(*controls: Any, kind: str = "fields") -> Any:
    """Put controls side by side, on further lines where there is no room.

    `kind` is ``fields``, ``filters`` or ``actions``; the style sheet lines them up by it.
    """
    return ipw.HBox(controls).add_class("imilab-row").add_class(f"imilab-{kind}")


@cache
def _template(source: str) -> jinja2.Template:
    return jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)


def render(source: str, **values: object) -> str:
    """Fill an HTML template; every value in it is escaped."""
    return _template(source).render(**values)
