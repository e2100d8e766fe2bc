"""``imilab doctor``: checks what a live campaign needs, and says what to mend."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import typer

from imilab.cli.serving_commands import RECEIVE_PORT
from imilab.config import Settings
from imilab.errors import ConfigError, ImilabError

__all__ = ["Finding", "doctor", "examine"]

_CLOCK_TOLERANCE_SECONDS = 5.0
_REACH_SECONDS = 5.0
_REASONS = 5
_QUARANTINED = (
    "SELECT reason, count(*) AS how_many, max(received_at_ms) AS last_ms FROM quarantine"
    " GROUP BY reason ORDER BY how_many DESC, reason"
)


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    what : str
        What was checked.
    well : bool or None
        None where it could not be checked, or is optional and missing.
    detail : str
        What was found, or what to mend. Never a secret or a number.
    """

    what: str
    well: bool | None
    detail: str


def doctor() -> None:
    """Check settings, store, key, clock, notify URL and port; exit code 1 where something must be mended."""
    findings = list(examine())
    marks = {True: "ok", False: "MEND", None: "--"}
    for finding in findings:
        typer.echo(f"{marks[finding.well]:<5} {finding.what:<14} {finding.detail}")
    if any(finding.well is False for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Run every check; one that fails does not keep the others from running."""
    try:
        settings = Settings()
    except ConfigError as problem:
        yield Finding("settings", False, str(problem))
        return
    yield Finding("settings", True, "readable (arguments, IMILAB_* environment, imilab.toml)")
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _check_base_url,
        _check_key,
        _check_caller,
        _check_zone,
        _check_notify_url,
        _check_hub_secret,
        _check_port,
        _check_store,
        _check_quarantine,
        _check_arming,
        _check_clock,
    )
    for check in checks:
        yield check(settings)


def _check_base_url(settings: Settings) -> Finding:
    if settings.base_url is None:
        return Finding("base URL", False, "set IMILAB_BASE_URL to https://api.<region>.webexconnect.io")
    return Finding("base URL", True, settings.base_url)


def _check_key(settings: Settings) -> Finding:
    if settings.key is None:
        return Finding("key", False, "set IMILAB_KEY to the service key or a JWT")
    parts = settings.key.get_secret_value().split(".")
    kind = "a JWT" if len(parts) == 3 and all(parts) else "a service key"
    return Finding("key", True, f"present, looks like {kind} of {len(settings.key)} characters")


def _check_caller(settings: Settings) -> Finding:
    if settings.caller_id is None:
        return Finding("caller id", False, "set IMILAB_CALLER_ID to a voice-enabled number of the tenant")
    return Finding("caller id", True, "present, E.164")


def _check_zone(settings: Settings) -> Finding:
    if settings.tenant_zone is None:
        return Finding("tenant zone", False, "set IMILAB_TENANT_ZONE, or time stamps without a zone stay unread")
    return Finding("tenant zone", True, settings.tenant_zone)


def _check_notify_url(settings: Settings) -> Finding:
    """Ask for the URL as the platform does when it is saved."""
    if settings.notify_url is None:
        return Finding("notify URL", None, "not set; receipts then go where the platform's outbound webhook says")
    import httpx

    from imilab.receiver.answers import CHECKED

    try:
        for method in ("HEAD", "GET"):
            answer = httpx.request(method, settings.notify_url, timeout=_REACH_SECONDS, follow_redirects=False)
            if answer.status_code != 200:
                words = f"answers {answer.status_code} to {method}; the platform wants 200"
                return Finding("notify URL", False, words)
    except httpx.HTTPError as problem:
        return Finding(
            "notify URL", False, f"cannot be reached from here ({type(problem).__name__}); is `imilab receive` on?"
        )
    if answer.content != CHECKED.body:
        words = "answers 200, but is not imilab's receiver: what it is sent may be lost; check path and proxy"
        return Finding("notify URL", False, words)
    if _lacks_token(settings):
        return Finding("notify URL", False, "answers 200, but receipts get 401: end it in /<IMILAB_RECEIVER_TOKEN>")
    return Finding("notify URL", True, "answers 200, as the platform wants, and is imilab's receiver")


def _lacks_token(settings: Settings) -> bool:
    """Say whether a token is asked for and neither in the URL nor, perhaps, in a header that the tenant adds."""
    token = settings.receiver_token
    if token is None or settings.notify_url_auth_id is not None:
        return False
    return not unquote(urlsplit(settings.notify_url or "").path).endswith(f"/{token.get_secret_value()}")


def _check_hub_secret(settings: Settings) -> Finding:
    from imilab.receiver.gate import Gate

    token = settings.receiver_token
    try:
        Gate(settings.hub_secrets, token.get_secret_value() if token else None)
    except ConfigError as problem:
        return Finding("hub secret", False, str(problem))
    if settings.hub_secrets:
        return Finding("hub secret", True, "present; receipts are verified")
    if settings.receiver_token:
        return Finding("hub secret", None, "not set; whoever knows the receiver token can send receipts")
    return Finding("hub secret", None, "not set, nor a token; the receiver then listens on this machine only")


def _check_port(_: Settings) -> Finding:
    from imilab.serving import bind

    try:
        bind("127.0.0.1", RECEIVE_PORT).close()
    except ConfigError:
        return Finding(
            "port", None, f"{RECEIVE_PORT} is in use, by `imilab receive` perhaps; else give it another --port"
        )
    return Finding("port", True, f"{RECEIVE_PORT} is free for `imilab receive`")


def _check_store(settings: Settings) -> Finding:
    from imilab.receiver.health import write_and_count
    from imilab.store import Store

    if settings.store_url is None and not settings.store.exists():
        return Finding("store", None, f"{settings.store} does not exist yet; it is made by the first use")
    try:
        with Store.from_settings(settings) as store:
            place = settings.store if settings.store_url is None else store.place
            store.write(write_and_count)
            ((count,),) = store.rows("SELECT count(*) FROM receipts")
            warnings = store.warnings()
    except ImilabError as problem:
        return Finding("store", False, str(problem))
    return Finding("store", None if warnings else True, "; ".join((f"{place} writes; {count} receipts", *warnings)))


def _check_quarantine(settings: Settings) -> Finding:
    """Tell of authentic webhooks that were kept raw because they could not be read."""
    from imilab.store import Store
    from imilab.wire import format_timestamp

    if settings.store_url is None and not settings.store.exists():
        return Finding("quarantine", None, "no store yet")
    try:
        with Store.from_settings(settings) as store:
            rows = store.rows(_QUARANTINED)
    except ImilabError as problem:
        return Finding("quarantine", False, str(problem))
    if not rows:
        return Finding("quarantine", True, "empty")
    last = format_timestamp(max(last_ms for _, _, last_ms in rows), style="z")[:16].replace("T", " ")
    reasons = "; ".join(f"{count} x {reason}" for reason, count, _ in rows[:_REASONS])
    more = f"; {len(rows) - _REASONS} more reasons" if len(rows) > _REASONS else ""
    total = sum(count for _, count, _ in rows)
    return Finding("quarantine", None, f"{total} receipts could not be read, the last at {last} UTC: {reasons}{more}")


def _check_arming(settings: Settings) -> Finding:
    if not settings.live:
        return Finding("live calls", None, "off (live = false); real calls are refused")
    if not settings.allow_list:
        return Finding("live calls", False, "on, but IMILAB_ALLOW_LIST is empty; list the numbers that may be called")
    return Finding("live calls", True, f"on for {len(settings.allow_list)} numbers; each run still needs go_live")


def _check_clock(settings: Settings) -> Finding:
    """Compare this machine's clock with the platform's Date header; no key is sent."""
    if settings.base_url is None:
        return Finding("clock", None, "not checked without a base URL")
    from email.utils import parsedate_to_datetime

    import httpx

    try:
        answer = httpx.head(settings.base_url, timeout=_REACH_SECONDS, follow_redirects=False)
        skew = time.time() - parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (httpx.HTTPError, socket.gaierror) as problem:
        return Finding("clock", None, f"not checked; the platform cannot be reached ({type(problem).__name__})")
    except (KeyError, ValueError, TypeError):
        return Finding("clock", None, "not checked; the platform does not tell its time")
    if abs(skew) > _CLOCK_TOLERANCE_SECONDS:
        return Finding("clock", False, f"{skew:+.0f} s off the platform's; set the machine's clock by NTP")
    return Finding("clock", True, f"within {_CLOCK_TOLERANCE_SECONDS:.0f} s of the platform's")
