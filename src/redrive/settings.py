"""One typed table of settings, read once at start from the environment and the home's `redrive.toml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar, cast

from redrive.errors import ConfigInvalid

FILE_NAME = "redrive.toml"
PREFIX = "REDRIVE_"
MASK = "********"

Value: TypeAlias = str | int | float | bool | None
Source: TypeAlias = Literal["default", "file", "environment", "option"]
T = TypeVar("T", bound=Value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table.

    `default` None means: not set, or worked out at start as `help` says. `choices` and the limits
    are checked wherever the value comes from. `in_file` is False for what is needed to find the file.
    """

    name: str
    type: type[str] | type[int] | type[float] | type[bool]
    default: Value
    help: str
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

    def parse(self, given: object, place: str) -> Value:
        """Check a value: text from the environment, or what TOML gave.

        Errors: `config.invalid`; a secret's value is never in the message.
        """
        value: object = self._from_text(given) if isinstance(given, str) else given
        if self.type is float and type(value) is int:
            value = float(cast("int", value))
        if type(value) is not self.type:
            raise self._invalid(given, place, self._kind())
        if self.choices and value not in self.choices:
            raise self._invalid(given, place, "one of " + ", ".join(self.choices))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if self.least is not None and not value >= self.least:
                raise self._invalid(given, place, f"at least {self.least:g}")
            if self.most is not None and not value <= self.most:
                raise self._invalid(given, place, f"at most {self.most:g}")
        return cast("Value", value)

    def _from_text(self, text: str) -> object:
        if self.type is str:
            return text
        if self.type is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
                text.strip().lower(), text
            )
        try:
            return self.type(text.strip().replace("_", ""))
        except ValueError:
            return text

    def _kind(self) -> str:
        return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[self.type]

    def _invalid(self, given: object, place: str, expected: str) -> ConfigInvalid:
        shown = "" if self.secret else f", not {given!r}"
        return ConfigInvalid(f"{self.name} must be {expected}{shown}", at=place, hint=self.help)


TABLE: tuple[Setting, ...] = (
    Setting(
        name="home",
        type=str,
        default=None,
        in_file=False,
        help="Folder that holds everything: records, payloads, keys. Default: the platform's user data folder.",
    ),
    Setting(
        name="url",
        type=str,
        default=None,
        in_file=False,
        help="Address of a server to work through, instead of on a home folder.",
    ),
    Setting(
        name="token",
        type=str,
        default=None,
        secret=True,
        in_file=False,
        help="API token for the server at `url`. Default: the local token in the home.",
    ),
    Setting(name="host", type=str, default="127.0.0.1", help="Address that `redrive up` listens on."),
    Setting(
        name="port",
        type=int,
        default=8765,
        least=0,
        most=65535,
        help="Port that `redrive up` listens on; 0 takes any free one.",
    ),
    Setting(
        name="log_level",
        type=str,
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="Least level that the process log on stderr shows.",
    ),
    Setting(
        name="log_format",
        type=str,
        default="text",
        choices=("text", "json"),
        help="Form of the process log: `event key=value` lines, or one JSON object per line.",
    ),
    Setting(
        name="max_running_runs",
        type=int,
        default=64,
        unit="runs",
        least=1,
        help="Most runs that execute at the same time; further ones wait in the queue.",
    ),
    Setting(
        name="inline_payload_bytes",
        type=int,
        default=32_768,
        unit="bytes",
        least=0,
        most=1_048_576,
        help="Content up to this size, compressed, is kept in the record store; larger content as a file.",
    ),
    Setting(
        name="zstd_level",
        type=int,
        default=1,
        least=1,
        most=19,
        help="Compression level of stored content; higher is smaller and slower.",
    ),
    Setting(
        name="payload_display_bytes",
        type=int,
        default=65_536,
        unit="bytes",
        least=256,
        help="Most that a payload view shows inline before it ends in `[trimmed]`.",
    ),
    Setting(
        name="free_disk_percent",
        type=float,
        default=5.0,
        unit="percent",
        least=0,
        most=99,
        help="New starts are refused while less than this share of the home's disk is free.",
    ),
    Setting(
        name="connect_timeout_s",
        type=float,
        default=10.0,
        unit="seconds",
        least=0.01,
        help="Longest wait for a connection to another system, where the connector does not say.",
    ),
    Setting(
        name="request_timeout_s",
        type=float,
        default=60.0,
        unit="seconds",
        least=0.01,
        help="Longest wait for the whole of an answer, where the connector does not say.",
    ),
    Setting(
        name="stop_grace_s",
        type=float,
        default=10.0,
        unit="seconds",
        least=0,
        help="How long a server that is told to end waits for running steps to reach a payload boundary.",
    ),
    Setting(
        name="max_worker_losses",
        type=int,
        default=5,
        unit="losses",
        least=1,
        help="A run whose worker died this many times fails as `worker lost` and is not started again.",
    ),
)

_BY_NAME = MappingProxyType({setting.name: setting for setting in TABLE})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of this process, with where each value came from."""

    values: Mapping[str, Value]
    sources: Mapping[str, Source]

    def text(self, name: str) -> str:
        return self._typed(name, str)

    def int(self, name: str) -> int:
        return self._typed(name, int)

    def float(self, name: str) -> float:
        return self._typed(name, float)

    def get(self, name: str) -> Value:
        """The value, None where it is not set."""
        return self.values[_known(name, "settings").name]

    def _typed(self, name: str, kind: type[T]) -> T:
        value = self.get(name)
        if type(value) is not kind:
            raise ConfigInvalid(
                f"{name} is not set",
                at=name,
                hint=f"Set {_BY_NAME[name].variable}, or {name} in {FILE_NAME}.",
            )
        return value

    def rows(self) -> list[dict[str, Value]]:
        """The list of `redrive settings`: name, value, source, unit, help; secrets masked."""
        return [
            {
                "name": setting.name,
                "value": MASK if setting.secret and self.values[setting.name] else self.values[setting.name],
                "source": self.sources[setting.name],
                "unit": setting.unit,
                "help": setting.help,
            }
            for setting in TABLE
        ]


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
    values: dict[str, Value] = {setting.name: setting.default for setting in TABLE}
    sources: dict[str, Source] = dict.fromkeys(values, "default")

    for name, given in _read_file(file).items():
        place = f"{file}: {name}"
        setting = _known(name, place)
        if not setting.in_file:
            raise ConfigInvalid(
                f"{name} cannot be set in {FILE_NAME}",
                at=place,
                hint=f"Set {setting.variable}, or give --{name} on the command line.",
            )
        values[name], sources[name] = setting.parse(given, place), "file"

    for variable, text in (os.environ if environment is None else environment).items():
        if variable.startswith(PREFIX) and variable not in FOREIGN and text:
            setting = _known(variable.removeprefix(PREFIX).lower(), variable, variable=True)
            values[setting.name], sources[setting.name] = setting.parse(text, variable), "environment"

    for name, given in (options or {}).items():
        if given is not None:
            setting = _known(name, f"--{name}")
            values[name], sources[name] = setting.parse(given, f"--{name}"), "option"

    return Settings(MappingProxyType(values), MappingProxyType(sources))


# Variables with the prefix that are not settings, with what reads them.
FOREIGN = MappingProxyType({"REDRIVE_TEST_ALL": "The test suite: run the full matrix."})


def _known(name: str, place: str, *, variable: bool = False) -> Setting:
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = get_close_matches(name, _BY_NAME, n=1)
    nearest = (_BY_NAME[near[0]].variable if variable else near[0]) if near else None
    raise ConfigInvalid(
        f"there is no setting {place if variable else name}",
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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"the file does not parse: {error}", at=str(file)) from None
    except OSError as error:
        raise ConfigInvalid(f"the file cannot be read: {error.strerror}", at=str(file)) from None
