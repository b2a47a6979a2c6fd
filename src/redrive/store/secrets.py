"""Secrets at rest: sealed with the key that the records name, opened with any key that is at hand.

The records say which key seals (a fact of the home). It is read in the transaction that stores what was
sealed, so a rotation in another process cannot be overtaken; and a machine that does not have that key
refuses instead of making one of its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Final

from redrive.core.jsonvalue import decode, encode
from redrive.errors import ConfigInvalid
from redrive.store.committer import Transaction
from redrive.store.loose import Source, fact, put_fact
from redrive.store.secret_keys import KEY_FILE, Key, fallbacks, new_key, source_of

__all__ = ["HOOKS", "KEY_FILE", "SEALING", "SecretBox"]

SEALING: Final = "secrets.key"
"""The fact with the id of the key that seals."""
HOOKS: Final = "secrets.hooks"
"""The fact with what tokens of hooks are made from, sealed, once a rotation has parted it from the key."""


class SecretBox:
    """Seals and opens texts. Keys are read at first use, so a home without secrets has none."""

    def __init__(self, home: Path, key_from: str | None = None, given: str | None = None) -> None:
        """`key_from` and `given` are the settings `secret_key_from` and `secret_key`."""
        self.source = source_of(key_from, home, given)
        self._fallbacks = fallbacks(self.source, home, given)
        self._keys: list[Key] | None = None
        self._roots: tuple[bytes, list[str]] = (b"", [])

    def keys(self, *, anew: bool = False) -> list[Key]:
        """All keys at hand, those of the source first. Errors: `secret.key_unreachable`."""
        if self._keys is None or anew:
            self._keys = [
                Key(text, one.place) for one in (self.source, *self._fallbacks) for text in one.read()
            ]
        return self._keys

    def key(self, key_id: str) -> Key | None:
        """The key with this id, if it is at hand now."""
        for anew in (False, True):
            for key in self.keys(anew=anew):
                if key.id == key_id:
                    return key
        return None

    def sealing(self, source: Source) -> Key:
        """The key that seals. Errors: `secret.key_missing`."""
        named = fact(source, SEALING)
        if named is not None:
            key = self.key(named.decode())
            if key is None:
                raise self._missing(named.decode())
            return key
        if not self.keys(anew=True):
            self.source.create(new_key())
        return self.keys(anew=True)[0]

    def seal(self, transaction: Transaction, text: str) -> str:
        """In the transaction that stores it. Errors: `secret.key_missing`."""
        key = self.sealing(transaction)
        if fact(transaction, SEALING) is None:
            put_fact(transaction, SEALING, key.id.encode())
        return key.seal(text)

    def open(self, sealed: str, what: str = "a stored secret") -> str:
        """`what` names it for whoever has to bring the key. Errors: `secret.sealed`."""
        text = self.opened(sealed)
        if text is None:
            raise ConfigInvalid(
                f"{what} does not open with any key at hand",
                code="secret.sealed",
                hint=f"Bring back the key that sealed it ({self.source.place}), or "
                "`redrive secrets rotate --lost` and give the secret again.",
            )
        return text

    def opened(self, sealed: str) -> str | None:
        """None: no key at hand opens it."""
        found = self.opener(sealed)
        return None if found is None else found[1]

    def opener(self, sealed: str) -> tuple[Key, str] | None:
        """Which key opens it, and what it says."""
        for anew in (False, True):
            for key in self.keys(anew=anew):
                if (text := key.open(sealed)) is not None:
                    return key, text
        return None

    def tokens_for(self, source: Source, subject: str) -> list[str]:
        """Tokens made for a subject, the one to show first: nothing of them is stored.

        Errors: `secret.key_missing`, `secret.sealed`.
        """
        about = subject.encode()
        made = [hmac.new(bytes.fromhex(root), about, hashlib.sha256) for root in self.roots(source)]
        return [base64.urlsafe_b64encode(one.digest()[:24]).decode() for one in made]

    def roots(self, source: Source) -> list[str]:
        """What tokens are made from."""
        sealed = fact(source, HOOKS)
        if sealed is not None:
            if self._roots[0] != sealed:
                opened = decode(self.open(sealed.decode(), "what the tokens of hooks are made from").encode())
                self._roots = (sealed, [str(root) for root in opened])
            return self._roots[1]
        first = self.sealing(source)
        return [first.root, *(key.root for key in self.keys() if key.id != first.id)]

    def keep_roots(self, transaction: Transaction, roots: list[str], key: Key) -> None:
        """So that the tokens of hooks outlive the key that they were made from."""
        put_fact(transaction, HOOKS, key.seal(encode(roots).decode()).encode())

    def _missing(self, key_id: str) -> ConfigInvalid:
        there = ", ".join(f"{key.id} in {key.place}" for key in self.keys()) or "none"
        return ConfigInvalid(
            f"the key {key_id}, with which secrets are sealed here, is not at hand; there is {there}",
            code="secret.key_missing",
            at=self.source.place,
            hint="Bring the key back (`redrive backup --include-secrets` holds it). If it is lost for good: "
            "`redrive secrets rotate --lost` begins with a new one and says which secrets to give again.",
        )
