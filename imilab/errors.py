"""Every error that imilab raises on purpose.

::

    ImilabError
    ├── InvalidInputError        a value that cannot be used; also a ValueError      field
    │   └── TimestampError       a time stamp that cannot be read or has no zone
    ├── ConfigError              a setting is missing or contradicts another         field
    ├── NotArmedError            the real platform may not be dialled (yet)          missing
    ├── SendStoppedError         a campaign stopped itself                           reason
    ├── StoreError               the embedded database
    │   ├── StoreAwayError       it cannot be opened now, and may be later
    │   ├── StoreLockedError     another process is sending from this store
    │   └── StoreVersionError    written by a newer imilab
    ├── SignatureError           a webhook that the platform did not sign
    ├── UnreadableReceiptError   an authentic webhook body that is not a receipt     reason
    └── PlatformError            what the platform answered                          http_status, code, description
        ├── BadRequestError      400: one parameter is wrong                         field
        ├── UnauthorisedError    401: unknown key, or account over quota
        ├── NotFoundError        404, 405: no such path or message
        ├── ConflictError        409
        ├── RateLimitedError     429, or platform code 7020                          retry_after_seconds
        ├── ServerError          5xx: the outcome of a call request is unknown
        ├── UnexpectedBodyError  an answer that imilab cannot read
        ├── NotSentError         no connection: the request did not leave this machine
        └── NoReplyError         the request left, no answer came: outcome unknown

An error carries its facts as attributes. Its message names the field, the shape of the value and the way out; it never
holds a key, a full number or a request body.
"""

from __future__ import annotations

import copyreg
from typing import Any

from imilab.hiding import hides_arguments, without_frames

__all__ = [
    "BadRequestError",
    "ConfigError",
    "ConflictError",
    "ImilabError",
    "InvalidInputError",
    "NoReplyError",
    "NotArmedError",
    "NotFoundError",
    "NotSentError",
    "PlatformError",
    "RateLimitedError",
    "SendStoppedError",
    "ServerError",
    "SignatureError",
    "StoreAwayError",
    "StoreError",
    "StoreLockedError",
    "StoreVersionError",
    "TimestampError",
    "UnauthorisedError",
    "UnexpectedBodyError",
    "UnreadableReceiptError",
    "hides_arguments",
    "without_frames",
]


class ImilabError(Exception):
    """Base of every error that imilab raises on purpose. It can be copied and sent to another process."""

    def __reduce__(self) -> tuple[Any, ...]:
        # pickle's own way, which skips `__init__`
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]  # not in typeshed


class InvalidInputError(ImilabError, ValueError):
    """A value that cannot be used.

    Attributes
    ----------
    field : str
        The field's name, in the platform's or in imilab's words.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class TimestampError(InvalidInputError):
    """A time stamp that cannot be read, or has no zone where one is needed."""


class ConfigError(ImilabError):
    """A setting is missing or contradicts another.

    Attributes
    ----------
    field : str
        The setting's name; its environment variable is ``IMILAB_`` and the name in upper case.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class NotArmedError(ImilabError):
    """The real platform may not be dialled (yet).

    Attributes
    ----------
    missing : tuple of str
        What is still needed, one sentence each.
    """

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__("no call was placed, because real phones would ring. Still needed: " + "; ".join(missing))
        self.missing = missing


class SendStoppedError(ImilabError):
    """A campaign stopped itself; nothing is lost, and sending the same plan again goes on where it stopped.

    Attributes
    ----------
    reason : str
        Why it stopped.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreError(ImilabError):
    """The embedded database cannot be used."""


class StoreAwayError(StoreError):
    """The store cannot be opened now, and may be later: its server is away, or its disk is full."""


class StoreLockedError(StoreError):
    """Another process is sending from this store."""


class StoreVersionError(StoreError):
    """The store was written by a newer imilab."""


class SignatureError(ImilabError):
    """A webhook that the platform did not sign."""


class UnreadableReceiptError(ImilabError):
    """An authentic webhook body that is not a receipt.

    Attributes
    ----------
    reason : str
        What is wrong with it, without its content.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a receipt: {reason}")
        self.reason = reason


class PlatformError(ImilabError):
    """What the platform answered, or that it did not.

    Attributes
    ----------
    http_status : int or None
        None where no answer came.
    code : str or None
        The platform's own code, as it came.
    description : str
        The platform's own words, with numbers masked.
    """

    way_out = "see the description"

    def __init__(self, description: str, *, http_status: int | None = None, code: str | None = None) -> None:
        facts = ", ".join(
            part for part in (f"HTTP {http_status}" if http_status else "", f"code {code}" if code else "") if part
        )
        super().__init__(f"{description or 'no description'}{f' ({facts})' if facts else ''}; {self.way_out}")
        self.description = description
        self.http_status = http_status
        self.code = code


class BadRequestError(PlatformError):
    """400: one parameter is wrong.

    Attributes
    ----------
    field : str or None
        The parameter that the description names, if it names one.
    """

    way_out = "correct the named parameter; the same request will be refused again"

    def __init__(
        self, description: str, *, http_status: int | None = 400, code: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(description, http_status=http_status, code=code)
        self.field = field


class UnauthorisedError(PlatformError):
    """401: unknown key, or account over quota."""

    way_out = "check IMILAB_KEY, the base URL's region and the account's balance"


class NotFoundError(PlatformError):
    """404 or 405: no such path or message."""

    way_out = "check the base URL (https://api.<region>.webexconnect.io) and the message id"


class ConflictError(PlatformError):
    """409: the request contradicts what the platform already has."""

    way_out = "the platform has seen a contradicting request; do not repeat it"


class RateLimitedError(PlatformError):
    """429, or platform code 7020: the tenant's transactions per second are used up.

    Attributes
    ----------
    retry_after_seconds : float
        How long to wait; one second where the platform does not say.
    """

    way_out = "slow down: every sender of the tenant shares this limit"

    def __init__(
        self,
        description: str,
        *,
        http_status: int | None = 429,
        code: str | None = None,
        retry_after_seconds: float = 1.0,
    ) -> None:
        super().__init__(description, http_status=http_status, code=code)
        self.retry_after_seconds = retry_after_seconds


class ServerError(PlatformError):
    """5xx: the platform failed. Whether a call was placed is unknown."""

    way_out = "the call may have been placed: wait for its receipts or ask for its status, do not send it again"


class UnexpectedBodyError(PlatformError):
    """An answer that imilab cannot read. Whether a call was placed is unknown."""

    way_out = "the call may have been placed: wait for its receipts; check that the base URL is the platform's"


class NotSentError(PlatformError):
    """No connection could be made: the request did not leave this machine."""

    way_out = "nothing was sent; check the network and the base URL, then try again"


class NoReplyError(PlatformError):
    """The request left and no answer came. Whether a call was placed is unknown."""

    way_out = "the call may have been placed: wait for its receipts or ask for its status, do not send it again"
