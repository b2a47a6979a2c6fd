"""One typed table of settings, read once at start from the environment and the home's `redrive.toml`."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from redrive.errors import ConfigInvalid

FILE_NAME = "redrive.toml"
PREFIX = "REDRIVE_"
MASK = "********"

Value: TypeAlias = str | int | float | bool | None
Source: TypeAlias = Literal["default", "file", "environment", "option"]

# Variables with the prefix that are not settings, and what reads them.
FOREIGN = MappingProxyType(
    {
        "REDRIVE_TEST_ALL": "The test suite: run the full matrix.",
        "REDRIVE_SKIP_UI": "Installation: leave the web page out.",
        "REDRIVE_NODE": "Installation: `wheel` builds the web page with the Node.js of a package.",
        "REDRIVE_CHROMIUM": "The test suite: the browser for the web page.",
        "REDRIVE_SCREENSHOTS": "The test suite: write the pictures of the docs.",
        "REDRIVE_FIGURES": "The test suite: a file for the figures of the web page.",
        "REDRIVE_FAILPOINT": "The crash suite: where this process is to be killed, `name[:n]`.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table.

    `default` None means: not set, or worked out at start as `help` says. `choices` and the limits
    are checked wherever the value comes from. `in_file` is False for what is needed to find the file.
    """

    name: str = ""
    kind: type[str | int | float | bool] = str
    default: Value = None
    help: str = ""
    unit: str | None = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    in_file: bool = True

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()

    @property
    def kind_name(self) -> str:
        return {str: "text", int: "whole number", float: "number", bool: "true or false"}[self.kind]

    def parse(self, given: object, place: str) -> Value:
        """Check a value: text from the environment, or what TOML gave.

        Errors: `config.invalid`; a secret's value is never in the message.
        """
        value = self._from_text(given) if isinstance(given, str) else given
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.kind or not isinstance(value, (str, int, float)):
            raise self._invalid(given, place, f"{self.kind_name}")
        if self.choices and value not in self.choices:
            raise self._invalid(given, place, "one of " + ", ".join(self.choices))
        if not isinstance(value, (str, bool)):
            # Written so that "not a number" fails either limit.
            if self.least is not None and not value >= self.least:
                raise self._invalid(given, place, f"at least {self.least:g}")
            if self.most is not None and not value <= self.most:
                raise self._invalid(given, place, f"at most {self.most:g}")
        return value

    def _from_text(self, text: str) -> object:
        if self.kind is str:
            return text
        if self.kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), text)
        try:
            return self.kind(text.strip())
        except ValueError:
            return text

    def _invalid(self, given: object, place: str, expected: str) -> ConfigInvalid:
        shown = "" if self.secret else f", not {given!r}"
        return ConfigInvalid(f"{self.name} must be {expected}{shown}", at=place, hint=self.help)


def _setting(default: Value, **facts: Any) -> Any:
    return dataclasses.field(default=default, metadata={"setting": Setting(default=default, **facts)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of this process. `sources` says where each value came from."""

    home: str | None = _setting(
        None,
        in_file=False,
        help="Folder that holds everything: records, payloads, keys. Default: the user data folder.",
    )
    store: str | None = _setting(
        None,
        secret=True,
        help="Address of the PostgreSQL database that holds the records, "
        "postgresql://user:password@host/database. Default: a file in the home.",
    )
    url: str | None = _setting(
        None, in_file=False, help="Address of a server to work through, instead of on a home folder."
    )
    token: str | None = _setting(
        None,
        secret=True,
        in_file=False,
        help="API token for the server at `url`. Default: the local token in the home.",
    )
    host: str = _setting("127.0.0.1", help="Address that `redrive up` listens on.")
    port: int = _setting(
        8765, least=0, most=65535, help="Port that `redrive up` listens on; 0 takes any free one."
    )
    log_level: str = _setting(
        "info",
        choices=("debug", "info", "warning", "error"),
        help="Least level that the process log on stderr shows.",
    )
    log_format: str = _setting(
        "text",
        choices=("text", "json"),
        help="Form of the process log: `event key=value` lines, or one JSON object per line.",
    )
    max_call_depth: int = _setting(
        10,
        least=1,
        most=100,
        help="How many flows may call one another (`run_flow`), one inside the other.",
    )
    max_running_runs: int = _setting(
        64,
        unit="runs",
        least=1,
        help="Most runs that execute at the same time; further ones wait in the queue.",
    )
    helpers: int | None = _setting(
        None,
        unit="processes",
        least=0,
        most=64,
        help="Most helper processes, which work on large payloads; each takes about 50 MB while there is "
        "work for it. 0: none. Default: as many as there are cores, at most 4.",
    )
    inline_payload_bytes: int = _setting(
        32_768,
        unit="bytes",
        least=0,
        most=1_048_576,
        help="Content up to this size, compressed, is kept in the record store; larger content as a file.",
    )
    zstd_level: int = _setting(
        1, least=1, most=19, help="Compression level of stored content; higher is smaller and slower."
    )
    objects: str | None = _setting(
        None,
        help="Where large content is kept: s3://bucket/prefix, gs://bucket/prefix or az://container/prefix. "
        "Default: the home's folder.",
    )
    objects_key: str | None = _setting(
        None,
        secret=True,
        help="Key id (S3) or account (Azure) for `objects`. Default: the provider's own variables.",
    )
    objects_secret: str | None = _setting(
        None,
        secret=True,
        help="Secret key (S3), account key (Azure) or service account as JSON (Google) for `objects`. "
        "Default: the provider's own variables.",
    )
    secret_key: str | None = _setting(
        None,
        secret=True,
        in_file=False,
        help="Key of stored secrets, 32 bytes in URL-safe base64; several are separated by commas, "
        "the newest first. `redrive secrets key` prints a new one. Default: see `secret_key_from`.",
    )
    secret_key_from: str | None = _setting(
        None,
        help="Where the key of stored secrets is: `file` (the home's secret.key, made when it is needed), "
        "`file:PATH`, `env` (REDRIVE_SECRET_KEY), `keyring` or `keyring:ACCOUNT` (the operating system's). "
        "Default: `env` if REDRIVE_SECRET_KEY is set, else `file`.",
    )
    search: bool = _setting(
        True,
        help="Whether any value in any payload can be found. Off: no search index is kept; delivery keys and "
        "tracked fields are found all the same.",
    )
    allowed_hosts: str | None = _setting(
        None,
        help="Hosts that connections may reach, separated by commas; `*.example.com` stands for all below "
        "it. Default: all. Link-local addresses, where clouds keep their credentials, are never reached.",
    )
    payload_display_bytes: int = _setting(
        65_536,
        unit="bytes",
        least=256,
        help="Most that a payload view shows inline before it ends in `[trimmed]`.",
    )
    free_disk_percent: float = _setting(
        5.0,
        unit="percent",
        least=0,
        most=99,
        help="New starts are refused while less than this share of the home's disk is free.",
    )
    max_queued_runs: int = _setting(
        100_000,
        unit="runs",
        least=1,
        help="While so many runs wait, webhooks and callbacks are refused with 503: the caller comes again.",
    )
    circuit_failures: int = _setting(
        10,
        least=0,
        help="So many failures in a row open the circuit of a connection whose target is down: runs then "
        "wait instead of failing one by one. 0: never. A connection document may say otherwise (`circuit`).",
    )
    circuit_within_s: float = _setting(
        60.0, unit="seconds", least=0.001, help="Within such a span, for `circuit_failures`."
    )
    circuit_wait_s: float = _setting(
        10.0,
        unit="seconds",
        least=0.001,
        help="How long nothing is tried through an open circuit; it doubles with each try that fails.",
    )
    circuit_longest_wait_s: float = _setting(
        300.0, unit="seconds", least=0.001, help="The longest that an open circuit waits between two tries."
    )
    retry_base_s: float = _setting(
        1.0,
        unit="seconds",
        least=0.001,
        help="Wait before the second attempt on a payload; it doubles with each further one, up to 60 s.",
    )
    max_retry_after_s: float = _setting(
        3600.0,
        unit="seconds",
        least=0,
        help="A busy system that asks to wait longer than this is not waited for: the payload fails, and its "
        "error says when to retry.",
    )
    stop_grace_s: float = _setting(
        10.0,
        unit="seconds",
        least=0,
        help="How long a server that is told to end waits for its steps to reach a payload boundary.",
    )
    max_worker_losses: int = _setting(
        5,
        unit="losses",
        least=1,
        help="A run whose worker died this many times fails as `worker lost` and is not started again.",
    )
    keep_payloads_success_days: float = _setting(
        30.0,
        unit="days",
        least=0,
        help="Payloads of runs that ended in success are kept so long; 0: for ever. A flow may differ.",
    )
    keep_payloads_failure_days: float = _setting(
        90.0,
        unit="days",
        least=0,
        help="Payloads of all other runs that have ended are kept so long; 0: for ever.",
    )
    keep_payloads_success_count: int | None = _setting(
        None, unit="runs", least=0, help="Of each flow so many of its newest successful runs keep payloads."
    )
    keep_payloads_failure_count: int | None = _setting(
        None, unit="runs", least=0, help="Of each flow so many of its newest other runs keep payloads."
    )
    keep_payloads_success_bytes: int | None = _setting(
        None, unit="bytes", least=0, help="Of each flow the newest successful runs keep up to so many bytes."
    )
    keep_payloads_failure_bytes: int | None = _setting(
        None, unit="bytes", least=0, help="Of each flow the newest other runs keep up to so many bytes."
    )
    keep_runs_success_days: float = _setting(
        180.0,
        unit="days",
        least=0,
        help="Runs that ended in success, with their logs, are kept so long; 0: for ever.",
    )
    keep_runs_failure_days: float = _setting(
        180.0, unit="days", least=0, help="All other runs, with their logs, are kept so long; 0: for ever."
    )
    keep_runs_success_count: int | None = _setting(
        None, unit="runs", least=0, help="Of each flow so many of its newest successful runs are kept."
    )
    keep_runs_failure_count: int | None = _setting(
        None, unit="runs", least=0, help="Of each flow so many of its newest other runs are kept."
    )
    keep_uploads_days: float = _setting(
        7.0,
        unit="days",
        least=0,
        help="Uploads are kept so long; 0: for ever. What a run took of them is its own.",
    )
    keep_start_keys_days: float = _setting(
        30.0,
        unit="days",
        least=0,
        help="So long an Idempotency-Key of a start gives the same run, and at least until that has ended; "
        "0: as long as that run.",
    )
    retention_every_s: float = _setting(
        3600.0,
        unit="seconds",
        least=0,
        help="How often `redrive up` looks for what is no longer to be kept; 0: never.",
    )
    public_url: str | None = _setting(
        None,
        help="Address at which people reach this server, such as https://redrive.example.com, where that is "
        "another one than it listens on. Its host name is taken; with https cookies are Secure.",
    )
    host_names: str | None = _setting(
        None,
        help="Further host names by which this server may be called, separated by commas. Names of this "
        "machine, IP addresses and that of `public_url` always are.",
    )
    trusted_proxies: str | None = _setting(
        None,
        help="Addresses of proxies in front of this server, separated by commas; from these the caller's "
        "address is taken from X-Forwarded-For.",
    )
    session_idle_hours: float = _setting(
        12.0, unit="hours", least=0.01, help="A browser that was not used so long has to sign in again."
    )
    session_days: float = _setting(
        7.0, unit="days", least=0.01, help="After so long a browser has to sign in again in any case."
    )
    oidc_issuer: str | None = _setting(
        None, help="Address of the identity provider by which people sign in (OpenID Connect). Default: none."
    )
    oidc_client_id: str | None = _setting(None, help="As whom this server is known to the provider.")
    oidc_client_secret: str | None = _setting(
        None, secret=True, help="Secret of that client, where it has one."
    )
    oidc_name: str = _setting("OpenID Connect", help="What the page calls the provider.")
    oidc_scopes: str = _setting("openid profile email", help="Scopes to ask the provider for.")
    oidc_name_claim: str = _setting(
        "preferred_username", help="Claim that gives a new account its name; else email, name or sub."
    )
    oidc_role_claim: str = _setting("groups", help="Claim, a text or a list, that decides the role.")
    oidc_roles: str | None = _setting(
        None,
        help="Values of that claim and their roles: `redrive-admins=admin, support=operator`. The highest "
        "counts, at each sign-in.",
    )
    oidc_default_role: str | None = _setting(
        None,
        choices=("viewer", "operator", "builder", "admin"),
        help="Role of those whom no value gives one. Default: they are not let in.",
    )
    keep_audit_days: float = _setting(
        400.0, unit="days", least=0, help="Lines of the audit log are kept so long; 0: for ever."
    )
    keep_insights_days: float = _setting(
        1100.0, unit="days", least=0, help="What insights count by the hour is kept so long; 0: for ever."
    )
    sources: Mapping[str, Source] = dataclasses.field(default_factory=dict, repr=False)

    def rows(self) -> list[dict[str, Value]]:
        """What `redrive settings` lists: name, value, source, unit, help; secrets masked."""
        rows: list[dict[str, Value]] = []
        for row in TABLE:
            value: Value = getattr(self, row.name)
            rows.append(
                {
                    "name": row.name,
                    "value": MASK if row.secret and value is not None else value,
                    "source": self.sources.get(row.name, "default"),
                    "unit": row.unit,
                    "help": row.help,
                }
            )
        return rows

    def __repr__(self) -> str:
        shown = ", ".join(f"{row['name']}={row['value']!r}" for row in self.rows())
        return f"Settings({shown})"


def _table() -> tuple[Setting, ...]:
    hints = get_type_hints(Settings)
    rows = []
    for field in dataclasses.fields(Settings):
        if (row := field.metadata.get("setting")) is not None:
            kinds = [kind for kind in get_args(hints[field.name]) if kind is not type(None)]
            rows.append(dataclasses.replace(row, name=field.name, kind=(kinds or [hints[field.name]])[0]))
    return tuple(rows)


TABLE: tuple[Setting, ...] = _table()
"""Every setting, in the order in which the pages show them."""

_BY_NAME = MappingProxyType({row.name: row for row in TABLE})


def load(
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
    options: Mapping[str, Value] | None = None,
) -> Settings:
    """Read all settings once. An option of the command line wins, then the environment, then `file`.

    `file` is the home's `redrive.toml`; it need not exist. An option that is None was not given. An
    environment variable that is set to nothing counts as not set.

    Errors: `config.invalid` for an unknown name (with the nearest known one) or a wrong value.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}

    for name, given in _read_file(file).items():
        place = f"{file}: {name}"
        row = _known(name, place)
        if not row.in_file:
            raise ConfigInvalid(
                f"{name} cannot be set in {FILE_NAME}",
                at=place,
                hint=f"Set {row.variable}, or give --{name} on the command line.",
            )
        values[name], sources[name] = row.parse(given, place), "file"

    for variable, text in (os.environ if environment is None else environment).items():
        if variable.startswith(PREFIX) and variable not in FOREIGN and text:
            row = _known(variable.removeprefix(PREFIX).lower(), variable, of_environment=True)
            values[row.name], sources[row.name] = row.parse(text, variable), "environment"

    for name, option in (options or {}).items():
        if option is not None:
            row = _known(name, f"--{name}")
            values[name], sources[name] = row.parse(option, f"--{name}"), "option"

    return Settings(**values, sources=MappingProxyType(sources))


def _known(name: str, place: str, *, of_environment: bool = False) -> Setting:
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = get_close_matches(name, _BY_NAME, n=1)
    nearest = (_BY_NAME[near[0]].variable if of_environment else near[0]) if near else None
    raise ConfigInvalid(
        f"there is no setting {place if of_environment else name}",
        at=place,
        hint=f"Did you mean {nearest}?" if nearest else "`redrive settings` lists all settings.",
    )


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:  # neither UTF-8 nor TOML
        raise ConfigInvalid(f"the file does not parse: {error}", at=str(file)) from None
    except OSError as error:
        raise ConfigInvalid(f"the file cannot be read: {error.strerror}", at=str(file)) from None
