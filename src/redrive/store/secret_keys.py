"""Where the keys of stored secrets are: a file of the home, a file of yours, the environment, the OS keyring.

A source holds one key or several, the newest first. Redrive makes and replaces keys in the home's file and
in the keyring; the others are yours to change.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from redrive.errors import ConfigInvalid

KEY_FILE: Final = "secret.key"
VARIABLE: Final = "REDRIVE_SECRET_KEY"
SERVICE: Final = "redrive"
"""The name under which the keyring shows the key."""
SETTING: Final = "secret_key_from"
_ID_BYTES: Final = 4


class Key:
    """One key: `id` names it without telling it, `root` is what tokens of hooks are made from."""

    __slots__ = ("_fernet", "id", "place", "root", "text")

    def __init__(self, text: str, place: str) -> None:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - 7 MB that a home without secrets does without

        try:
            self._fernet = Fernet(text)
        except ValueError:
            raise ConfigInvalid(
                f"{place} holds no secret key: one is 32 bytes in URL-safe base64",
                code="secret.key_invalid",
                at=place,
                hint="`redrive secrets key` prints a new one. Several are separated by commas.",
            ) from None
        self.text = text
        self.place = place
        self.id = hashlib.sha256(b"redrive key\0" + text.encode()).digest()[:_ID_BYTES].hex()
        self.root = hashlib.sha256(b"redrive tokens\0" + text.encode()).hexdigest()

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """None: another key has sealed it."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as above

        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None


class KeySource(Protocol):
    """One place of keys. `managed`: Redrive may make and replace them."""

    place: str
    managed: bool
    lock: Path

    def read(self) -> list[str]:
        """The keys, the newest first; none where there is none. Errors: `secret.key_unreachable`."""
        ...

    def create(self, key: str) -> None:
        """The first key; where another process was first, its key stays."""
        ...

    def write(self, keys: Sequence[str]) -> None:
        """These keys and no others, durable when this returns."""
        ...


def new_key() -> str:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

    return Fernet.generate_key().decode()


def source_of(setting: str | None, home: Path, given: str | None) -> KeySource:
    """The source that the setting names; none named: the variable if it is set, else the home's file.

    Errors: `config.invalid`.
    """
    kind, _, rest = (setting or ("env" if given else "file")).partition(":")
    match kind, rest:
        case "file", "":
            return FileKeys(home / KEY_FILE, managed=True)
        case "file", path:
            return FileKeys(Path(path), managed=False)
        case "env", "":
            return GivenKeys(given, home)
        case "keyring", account:
            return KeyringKeys(account or str(home.absolute()), home)
        case _:
            raise ConfigInvalid(
                f"{SETTING} must be file, file:PATH, env, keyring or keyring:ACCOUNT, not {setting!r}",
                at=SETTING,
            )


def fallbacks(source: KeySource, home: Path, given: str | None) -> list[KeySource]:
    """Where a former key may be: what it sealed still opens after the setting was changed."""
    others: list[KeySource] = [GivenKeys(given, home), FileKeys(home / KEY_FILE, managed=True)]
    return [one for one in others if one.place != source.place]


def split(text: str) -> list[str]:
    return [key for key in text.replace(",", " ").split() if key]


class FileKeys:
    """A file, one key on each line. The home's own has mode 0600 and is replaced whole."""

    def __init__(self, path: Path, *, managed: bool) -> None:
        self._path = path
        self.managed = managed
        self.place = f"the file {path}"
        self.lock = path.with_name(f".{path.name}.lock")

    def read(self) -> list[str]:
        try:
            return split(self._path.read_text())
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigInvalid(
                f"the secret key in {self.place} cannot be read: {reason}",
                code="secret.key_unreachable",
                at=str(self._path),
                hint="Mend its permissions: its owner has to be who runs Redrive.",
            ) from None

    def create(self, key: str) -> None:
        if not self.managed:
            raise _not_managed(self.place)
        beside = self._beside([key])
        try:
            os.link(beside, self._path)  # the first of two processes wins
            _sync(self._path.parent)
        except FileExistsError:
            return
        finally:
            beside.unlink()

    def write(self, keys: Sequence[str]) -> None:
        if not self.managed:
            raise _not_managed(self.place)
        self._beside(keys).replace(self._path)
        _sync(self._path.parent)

    def _beside(self, keys: Sequence[str]) -> Path:
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()  # of a dead process with the same number
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("\n".join(keys))
            file.flush()
            os.fsync(file.fileno())
        return beside


class GivenKeys:
    managed = False
    place = f"the variable {VARIABLE}"

    def __init__(self, given: str | None, home: Path) -> None:
        self._given = given or ""
        self.lock = home / f".{KEY_FILE}.lock"

    def read(self) -> list[str]:
        return split(self._given)

    def create(self, key: str) -> None:
        raise _not_managed(self.place)

    def write(self, keys: Sequence[str]) -> None:
        raise _not_managed(self.place)


class KeyringKeys:
    """The keyring of the operating system, through the library `keyring`."""

    managed = True

    def __init__(self, account: str, home: Path) -> None:
        self._account = account
        self.place = f"the keyring (service {SERVICE}, account {account})"
        self.lock = home / f".{KEY_FILE}.lock"

    def read(self) -> list[str]:
        return split(self._call("get_password") or "")

    def create(self, key: str) -> None:
        if not self.read():
            self.write([key])

    def write(self, keys: Sequence[str]) -> None:
        self._call("set_password", ",".join(keys))

    def _call(self, name: str, *more: str) -> Any:
        try:
            import keyring  # noqa: PLC0415 - an extra, and few homes use it
            from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415
        except ImportError:
            raise ConfigInvalid(
                f"{SETTING} is keyring, and the library for it is not installed",
                code="secret.key_unreachable",
                at=SETTING,
                hint="Install redrive[keyring], or keep the key in a file or the environment.",
            ) from None
        try:
            return getattr(keyring, name)(SERVICE, self._account, *more)
        except NoKeyringError:
            raise ConfigInvalid(
                "this machine has no keyring that can be used, as is usual without a desktop session",
                code="secret.key_unreachable",
                at=SETTING,
                hint="Set up a keyring for this user, or set secret_key_from to file or env.",
            ) from None
        except (KeyringError, OSError, RuntimeError) as error:
            raise ConfigInvalid(
                f"{self.place} does not answer: {type(error).__name__}",
                code="secret.key_unreachable",
                at=SETTING,
                hint="Unlock it for the user that runs Redrive.",
            ) from None


def _not_managed(place: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"there is no secret key in {place}",
        code="secret.key_missing",
        at=place,
        hint="`redrive secrets key` prints a new one: put it there.",
    )


def _sync(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
