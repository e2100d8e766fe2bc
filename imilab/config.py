"""Settings, decided in one place: argument > environment ``IMILAB_*`` > ``imilab.toml`` here > default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from imilab.errors import ConfigError, InvalidInputError
from imilab.numbers import is_e164
from imilab.wire.rules import check_notify_url, check_receipts, is_loopback

__all__ = ["Settings"]

_FILE = "imilab.toml"
_URL = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[\w.-]+)(?::([0-9]{1,5}))?(/[\w./-]*)?", re.ASCII)
_NUMBER_KEY_BYTES = 32
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_NUMBER_TYPES = ("mobile", "fixed_line", "fixed_line_or_mobile")
_HOURS = r"^(off|[0-2]?[0-9]:[0-5][0-9]-[0-2]?[0-9]:[0-5][0-9])$"
_DAYS = r"^[A-Za-z]*([ ,-]+[A-Za-z]+)*$"

T = TypeVar("T")


class Settings(BaseSettings):
    """What imilab needs to know about the tenant and about itself.

    Parameters
    ----------
    base_url : str, optional
        The platform, ``https://api.<region>.webexconnect.io``.
    key : SecretStr, optional
        The service key, or a JWT signed with the service's secret.
    caller_id : str, optional
        The tenant's voice-enabled number that calls, E.164.
    notify_url, notify_url_auth_id : str, optional
        Where the platform sends receipts, and the tenant's authorisation for it.
    requested_receipts : tuple of str
        Receipts to ask for, comma-separated in the environment; empty for the tenant's default.
    hub_secret, previous_hub_secret : SecretStr, optional
        Secrets of the outbound webhook; two while one replaces the other.
    tenant_zone : str, optional
        IANA zone of the tenant, for time stamps without one. Never guessed.
    live : bool
        Whether real calls are allowed at all; `Lab.go_live` is needed besides.
    allow_list : tuple of str
        Numbers that may be called, or their keyed hashes (`number_key`); comma-separated in the environment.
    countries : tuple of str
        ISO codes such as ``GB`` whose numbers may be called; by default those of the allow-list's plain numbers.
    number_types : tuple of str
        Of ``mobile``, ``fixed_line``, ``fixed_line_or_mobile``.
    quiet_hours : str, optional
        Hours without calls on the recipient's clock, or ``off``; by default ``20:00-09:00``, and on the embedded
        platform none.
    quiet_days, silent_days : str
        Days on which quiet hours start, such as ``mon-fri``; days that are quiet as a whole, such as ``sun``.
    do_not_call : Path, optional
        CSV file with a column ``msisdn`` or ``number_key`` of people who must not be called.
    cap_number_in_flight, cap_number_per_day : int
        Calls to one number at a time, and in a day of the tenant's zone; on the embedded platform only where set.
    cap_campaign, cap_per_day : int, optional
        Calls of one campaign, and of all campaigns in a day.
    calls_per_second : float
        The tenant's limit (TPS).
    request_timeout_seconds : float
        How long one request to the platform may take.
    receipt_horizon : timedelta
        A call without a final event for this long counts as lost.
    early_hangup_seconds : float
        A person who hangs up within this time after answering hung up early.
    store : Path
        The embedded database.
    number_key : SecretStr, optional
        Key of the number hashes, hex; by default one made once beside the store.

    Raises
    ------
    ConfigError
        Names the setting that is wrong, never its value.

    Examples
    --------
    >>> Settings(base_url="https://api.us.webexconnect.io", tenant_zone="Asia/Kolkata").calls_per_second
    20.0
    """

    model_config = SettingsConfigDict(
        env_prefix="IMILAB_", toml_file=_FILE, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    base_url: str | None = None
    key: SecretStr | None = None
    caller_id: str | None = Field(default=None, repr=False)
    notify_url: str | None = Field(default=None, repr=False)
    notify_url_auth_id: str | None = None
    requested_receipts: Annotated[tuple[str, ...], NoDecode] = ()
    hub_secret: SecretStr | None = None
    previous_hub_secret: SecretStr | None = None
    tenant_zone: str | None = None
    live: bool = False
    allow_list: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    countries: Annotated[tuple[str, ...], NoDecode] = ()
    number_types: Annotated[tuple[str, ...], NoDecode] = _NUMBER_TYPES
    quiet_hours: str | None = Field(default=None, pattern=_HOURS)
    quiet_days: str = Field(default="mon-sun", pattern=_DAYS)
    silent_days: str = Field(default="", pattern=_DAYS)
    do_not_call: Path | None = None
    cap_number_in_flight: int = Field(default=1, ge=1)
    cap_number_per_day: int = Field(default=3, ge=1)
    cap_campaign: int | None = Field(default=None, ge=1)
    cap_per_day: int | None = Field(default=None, ge=1)
    calls_per_second: float = Field(default=20.0, gt=0, le=1000)
    request_timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    receipt_horizon: timedelta = Field(default=timedelta(minutes=30), gt=timedelta(0))
    early_hangup_seconds: float = Field(default=5.0, gt=0, le=3600)
    store: Path = Path("imilab.sqlite")
    number_key: SecretStr | None = None

    def __init__(self, **values: Any) -> None:
        failure: ConfigError | None = None
        try:
            super().__init__(**values)
        except ValidationError as problem:
            failure = _config_error(problem)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
            failure = ConfigError(_FILE, f"cannot be read ({type(problem).__name__}); write TOML in UTF-8")
        if failure:
            values.clear()  # a verbose traceback prints it, keys and all
            raise failure

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Rank the sources: argument, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def zone(self) -> ZoneInfo | None:
        """The tenant's zone."""
        return ZoneInfo(self.tenant_zone) if self.tenant_zone else None

    @property
    def number_key_bytes(self) -> bytes | None:
        """The key of the number hashes, where one is set."""
        return bytes.fromhex(self.number_key.get_secret_value()) if self.number_key else None

    @property
    def hub_secrets(self) -> tuple[bytes, ...]:
        """The live hub secrets, the current one first."""
        secrets = (self.hub_secret, self.previous_hub_secret)
        return tuple(secret.get_secret_value().encode() for secret in secrets if secret)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        match = _URL.fullmatch(value)
        if not match or int(match[3] or 443) > 65535:
            raise ValueError("not a URL like https://api.us.webexconnect.io")
        if match[1] == "http" and not is_loopback(match[2].strip("[]")):
            raise ValueError("http would send the key in the clear; give https")
        return value.rstrip("/")

    @field_validator("key", "hub_secret", "previous_hub_secret", "number_key")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            text = value.get_secret_value()
            if not text or not text.isascii() or not text.isprintable() or text != text.strip():
                raise ValueError("empty, or holds spaces or characters that no header can carry")
        return value

    @field_validator("number_key")
    @classmethod
    def _check_number_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(
            rf"([0-9A-Fa-f]{{2}}){{{_NUMBER_KEY_BYTES},}}", value.get_secret_value()
        ):
            raise ValueError(f"not {_NUMBER_KEY_BYTES} or more bytes in hex")
        return value

    @field_validator("caller_id")
    @classmethod
    def _check_caller_id(cls, value: str | None) -> str | None:
        if value is not None and not is_e164(value):
            raise ValueError("not E.164; write +, country code and number, digits only")
        return value

    @field_validator("notify_url")
    @classmethod
    def _check_notify_url(cls, value: str | None) -> str | None:
        _as_value_error(check_notify_url, value)
        return value

    @field_validator("requested_receipts", mode="before")
    @classmethod
    def _check_requested_receipts(cls, value: object) -> tuple[str, ...]:
        return _as_value_error(check_receipts, _split(value))

    @field_validator("allow_list", mode="before")
    @classmethod
    def _check_allow_list(cls, value: object) -> tuple[object, ...]:
        numbers = _split(value)
        wrong = sum(not (isinstance(one, str) and (is_e164(one) or _HASH.fullmatch(one))) for one in numbers)
        if wrong:
            raise ValueError(f"{wrong} of {len(numbers)} entries are neither E.164 numbers nor keyed hashes")
        return numbers

    @field_validator("countries", mode="before")
    @classmethod
    def _check_countries(cls, value: object) -> tuple[str, ...]:
        from phonenumbers import SUPPORTED_REGIONS

        countries = tuple(str(country).upper() for country in _split(value))
        if not all(_COUNTRY.fullmatch(country) and country in SUPPORTED_REGIONS for country in countries):
            raise ValueError("not ISO 3166 codes; write GB,US,IN and so on")
        return countries

    @field_validator("number_types", mode="before")
    @classmethod
    def _check_number_types(cls, value: object) -> tuple[object, ...]:
        types = _split(value)
        if not types or any(kind not in _NUMBER_TYPES for kind in types):
            raise ValueError(f"not of {', '.join(_NUMBER_TYPES)}")
        return types

    @field_validator("tenant_zone")
    @classmethod
    def _check_zone(cls, value: str | None) -> str | None:
        try:
            return None if value is None else ZoneInfo(value).key
        except (KeyError, ValueError, OSError):
            raise ValueError("not an IANA zone like Asia/Kolkata") from None


def _config_error(problem: ValidationError) -> ConfigError:
    first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        return ConfigError(name, "no such setting; see help(imilab.Settings)")
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(name, f"{reason}; set it as an argument, IMILAB_{name.upper()} or in {_FILE}")


def _split(value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("not a list, nor a text with commas")


def _as_value_error(check: Callable[[object], T], value: object) -> T:
    try:
        return check(value)
    except InvalidInputError as problem:
        raise ValueError(str(problem).removeprefix(f"{problem.field}: ")) from None
