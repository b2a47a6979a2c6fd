"""Secrets at rest: sealed with a key that lies beside the database, or comes from outside.

The key is `REDRIVE_SECRET_KEY` (several, separated by commas: the first seals, all open, which
is how keys are rotated), else the file `secret.key` of the home, made at first use.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from redrive.errors import ConfigInvalid

KEY_FILE = "secret.key"


class SecretBox:
    """Seals and opens texts. The key is read at first use, so a home without secrets has none."""

    def __init__(self, home: Path) -> None:
        self._file = home / KEY_FILE
        self._fernet: MultiFernet | None = None
        self._derived: tuple[bytes, ...] = ()

    def _box(self) -> MultiFernet:
        if self._fernet is None:
            given = os.environ.get("REDRIVE_SECRET_KEY")
            keys = given.split(",") if given else [self._home_key()]
            self._derived = tuple(
                [hashlib.sha256(b"redrive tokens\0" + key.strip().encode()).digest() for key in keys]
            )
            try:
                self._fernet = MultiFernet([Fernet(key.strip()) for key in keys])
            except ValueError:
                raise ConfigInvalid(
                    "a secret key must be 32 bytes in URL-safe base64",
                    at="REDRIVE_SECRET_KEY" if given else str(self._file),
                ) from None
        return self._fernet

    def _home_key(self) -> str:
        try:
            return self._file.read_text().strip()
        except FileNotFoundError:
            pass
        key = Fernet.generate_key()
        temporary = self._file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, self._file)  # the first of two processes wins
        except FileExistsError:
            return self._file.read_text().strip()
        finally:
            temporary.unlink()
        return key.decode()

    def tokens_for(self, subject: str) -> list[str]:
        """Tokens made from the keys at hand, the one to show first: nothing of them is stored."""
        self._box()
        made = [hmac.new(key, subject.encode(), hashlib.sha256).digest() for key in self._derived]
        return [base64.urlsafe_b64encode(one[:24]).decode() for one in made]

    def seal(self, text: str) -> str:
        return self._box().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Errors: `secret.sealed` where no key at hand opens it."""
        try:
            return self._box().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigInvalid(
                "a stored secret does not open with the key at hand",
                code="secret.sealed",
                hint="Bring back the home's secret.key or REDRIVE_SECRET_KEY, or import the connection anew.",
            ) from None
