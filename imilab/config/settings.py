"""Settings, decided in one place: argument > environment ``IMILAB_*`` > ``imilab.toml`` here > default."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from imilab.config import checks
from imilab.errors import ConfigError

__all__ = ["Settings"]

_FILE = "imilab.toml"
_HOURS = r"^(off|[0-2]?[0-9]:[0-5][0-9]-[0-2]?[0-9]:[0-5][0-9])$"
_DAYS = r"^[A-Za-z]*([ ,-]+[A-Za-z]+)*$"
_BYTES = r"^[0-9]+(\.[0-9]+)? ?[KMGT]i?B$"

Secret = Annotated[SecretStr, AfterValidator(checks.check_secret)]
HubSecret = Annotated[SecretStr, AfterValidator(checks.check_hub_secret)]
Prices = Annotated[dict[str, Decimal], NoDecode, BeforeValidator(checks.check_prices)]
Zones = Annotated[dict[str, tuple[str, ...]], NoDecode, BeforeValidator(checks.check_country_zones)]
Policy = Annotated[dict[str, Any] | None, NoDecode, BeforeValidator(checks.check_contact_policy)]


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
    country_zones : mapping of str to sequence of str
        Zones that you vouch for, by ISO country code, in place of those that a number's digits allow; for quiet hours
        and for hours on the recipient's clock. Name all zones of a country that you name. In the environment
        ``JM=America/Jamaica, BS=America/Nassau``, several of one country with spaces between them.
    do_not_call : Path, optional
        CSV file with a column ``msisdn`` or ``number_key`` of people who must not be called; read when a send starts,
        and again where it changes meanwhile.
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
    price_per_call, price_per_minute : mapping of str to Decimal
        By ISO country code, ``*`` for every other one, in `currency`; for the estimate of a plan's cost. In the
        environment ``GB=0.012, *=0.03``.
    currency : str, optional
        ISO 4217 code of the prices, such as ``EUR``.
    contact_policy : mapping, optional
        The platform's ``contactPolicy``, sent with every call: ``contactPolicyGroup, channelCheckConsent,
        channelApplyFrequencyCap``.
    stop_file : Path, optional
        While this file exists, no call is started; by default beside the store, with the ending ``.stop``.
    retention_days : int, optional
        How old receipts and requests may become before `Lab.forget_old` removes them.
    receiver_token : SecretStr, optional
        A secret last part of the receiver's path, for where webhooks are not signed.
    free_space_floor_bytes : int
        With less free space beside the store, nothing is written and receipts are answered 503.
    store : Path
        The embedded database.
    store_url : SecretStr, optional
        ``postgresql://user:password@host/database`` instead, for teams with several receivers.
    archive : Path, optional
        Folder of imported logs; by default beside the store, with the ending ``.archive``.
    memory_limit : str, optional
        What queries and imports may take, such as ``4GB``; by default a quarter of the machine's memory.
    number_key : SecretStr, optional
        Key of the number hashes, hex; by default one made once beside the store. Needed with `store_url`.

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

    base_url: Annotated[str | None, AfterValidator(checks.check_base_url)] = None
    key: Secret | None = None
    caller_id: Annotated[str | None, AfterValidator(checks.check_caller_id)] = Field(default=None, repr=False)
    notify_url: Annotated[str | None, AfterValidator(checks.check_receipts_url)] = Field(default=None, repr=False)
    notify_url_auth_id: str | None = None
    requested_receipts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(checks.check_receipt_names)] = ()
    hub_secret: HubSecret | None = None
    previous_hub_secret: HubSecret | None = None
    tenant_zone: Annotated[str | None, AfterValidator(checks.check_zone)] = None
    live: bool = False
    allow_list: Annotated[tuple[str, ...], NoDecode, BeforeValidator(checks.check_allow_list)] = Field(
        default=(), repr=False
    )
    countries: Annotated[tuple[str, ...], NoDecode, BeforeValidator(checks.check_countries)] = ()
    number_types: Annotated[tuple[str, ...], NoDecode, BeforeValidator(checks.check_number_types)] = checks.NUMBER_TYPES
    quiet_hours: str | None = Field(default=None, pattern=_HOURS)
    quiet_days: str = Field(default="mon-sun", pattern=_DAYS)
    silent_days: str = Field(default="", pattern=_DAYS)
    country_zones: Zones = Field(default_factory=dict)
    do_not_call: Path | None = None
    cap_number_in_flight: int = Field(default=1, ge=1)
    cap_number_per_day: int = Field(default=3, ge=1)
    cap_campaign: int | None = Field(default=None, ge=1)
    cap_per_day: int | None = Field(default=None, ge=1)
    price_per_call: Prices = Field(default_factory=dict)
    price_per_minute: Prices = Field(default_factory=dict)
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    contact_policy: Policy = None
    stop_file: Path | None = None
    retention_days: int | None = Field(default=None, ge=1)
    receiver_token: Secret | None = None
    free_space_floor_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    calls_per_second: float = Field(default=20.0, gt=0, le=1000)
    request_timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    receipt_horizon: timedelta = Field(default=timedelta(minutes=30), gt=timedelta(0))
    early_hangup_seconds: float = Field(default=5.0, gt=0, le=3600)
    store: Path = Path("imilab.sqlite")
    store_url: Secret | None = None
    archive: Path | None = None
    memory_limit: str | None = Field(default=None, pattern=_BYTES)
    number_key: Annotated[Secret, AfterValidator(checks.check_number_key)] | None = None

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


def _config_error(problem: ValidationError) -> ConfigError:
    first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        return ConfigError(name, "no such setting; see help(imilab.Settings)")
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(name, f"{reason}; set it as an argument, IMILAB_{name.upper()} or in {_FILE}")
