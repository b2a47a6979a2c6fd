"""Keys of stored secrets: where they come from, who seals with which, rotation, and lost ones."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from redrive.core.jsonvalue import encode
from redrive.engine.failpoints import failpoints
from redrive.engine.restore import restore
from redrive.engine.tokens import StoredTokens
from redrive.errors import ConfigInvalid, RedriveError, StateConflict, StepError
from redrive.sdk.tokens import Token
from redrive.service.backups import Backups
from redrive.service.flows import Flows
from redrive.service.group_views import GroupRequest, Url
from redrive.service.groups import Groups
from redrive.service.secret_views import RotateRequest
from redrive.service.secrets import Secrets
from redrive.store import connections as connection_store
from redrive.store.secret_keys import new_key
from redrive.store.secrets import SecretBox
from tests.unit.service.definition_home import opened

CONNECTOR = b"""connector: shop-api
base_url: http://127.0.0.1:9
authentication: {method: bearer, token: "{{ connection.token }}"}
endpoints: {list: {direction: receive, request: {path: /}}}
"""
CONNECTION = b"connection: shop\nconnector: shop-api\nsecrets: {token: very-secret}\n"
PENDING = {"state": "abc", "verifier": "xyz"}


def tokens(kernel) -> StoredTokens:
    deps = kernel.deps
    return StoredTokens("shop", deps.reader, deps.committer, kernel.secrets, deps.clock.micros)


async def fill(kernel) -> None:
    """A secret, a token, a pending agreement, a group's URL: one of each kind."""
    await Flows(kernel).import_documents([("api.yaml", CONNECTOR), ("shop.yaml", CONNECTION)])
    store = tokens(kernel)
    assert await store.lease("me")
    await store.save(Token(values={"access": "a-token"}, of="x", serial=0, expires_at=None), "me")
    await store.pend(PENDING)
    url = Url(url="json://127.0.0.1/hush")
    await Groups(kernel).set("ops", GroupRequest(urls=[url]))


async def require_readable(kernel) -> None:
    where = connection_store.get_connection(kernel.deps.reader.rows(), "shop").secrets["token"]
    assert kernel.deps.connections.secret("shop", "token", where) == "very-secret"
    assert (await tokens(kernel).load()).values == {"access": "a-token"}
    assert await tokens(kernel).pending() == PENDING
    assert (await Groups(kernel).get("ops")).urls == ["sealed (json)"]


def use(kernel, key_from: str | None, given: str | None) -> None:
    """As if the home were opened with other settings."""
    SecretBox.__init__(kernel.secrets, kernel.home, key_from, given)


@pytest.fixture
async def kernel(store, tmp_path):
    async with opened(tmp_path / "home") as kernel:
        yield kernel


async def test_a_rotation_seals_everything_anew_and_drops_the_old_key(kernel):
    await fill(kernel)
    before = (kernel.home / "secret.key").read_text()
    old = (await Secrets(kernel).status()).seals
    done = await Secrets(kernel).rotate()
    assert (done.sealed, done.dropped, done.unreadable) == (4, [old], [])
    assert before not in (kernel.home / "secret.key").read_text()
    assert (kernel.home / "secret.key").stat().st_mode & 0o777 == 0o600
    status = await Secrets(kernel).status()
    assert [(key.id, key.sealed, key.seals) for key in status.keys] == [(done.key, 4, True)]
    await require_readable(kernel)


async def test_another_process_reads_and_seals_with_the_new_key_at_once(kernel):
    await fill(kernel)
    async with opened(kernel.home) as other:
        await require_readable(other)
        done = await Secrets(kernel).rotate()
        await require_readable(other)
        await Flows(other).import_documents([("shop.yaml", CONNECTION.replace(b"very-", b"most-"))])
        (key,) = (await Secrets(other).status()).keys
        assert (key.id, key.sealed) == (done.key, 4)


@pytest.mark.parametrize("point", ["secrets.written", "secrets.sealed"])
async def test_a_rotation_that_is_cut_off_leaves_everything_readable(kernel, monkeypatch, point):
    await fill(kernel)

    def stop(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(failpoints, "action", stop)
    with pytest.raises(KeyboardInterrupt):
        await Secrets(kernel).rotate()
    monkeypatch.setattr(failpoints, "action", None)
    async with opened(kernel.home) as again:
        await require_readable(again)
        assert len((await Secrets(again).status()).keys) == 2
        await Secrets(again).rotate()
        await require_readable(again)
        assert len((await Secrets(again).status()).keys) == 1


async def test_two_rotations_at_once_are_one(kernel):
    await fill(kernel)
    async with opened(kernel.home) as other:
        results = await asyncio.gather(
            Secrets(kernel).rotate(), Secrets(other).rotate(), return_exceptions=True
        )
        assert [type(one) for one in results if isinstance(one, Exception)] in ([StateConflict], [])
        await require_readable(other)


async def test_tokens_of_hooks_outlive_a_rotation_unless_new_ones_are_asked_for(kernel):
    def made() -> list[str]:
        return kernel.secrets.tokens_for(kernel.deps.reader.rows(), "hook/1/webhook/")

    before = made()
    await Secrets(kernel).rotate()
    assert made() == before
    await Secrets(kernel).rotate()
    assert made() == before
    await Secrets(kernel).rotate(RotateRequest(hook_tokens=True))
    after = made()
    assert not set(after) & set(before)
    await Secrets(kernel).rotate()
    assert made() == after


async def test_a_key_of_the_environment_is_rotated_by_whoever_sets_it(kernel):
    old, new = new_key(), new_key()
    use(kernel, None, old)
    await fill(kernel)
    assert not (kernel.home / "secret.key").exists()
    with pytest.raises(StateConflict, match="seals already") as caught:
        await Secrets(kernel).rotate()
    assert "before it" in caught.value.hint
    use(kernel, None, f"{new},{old}")
    await require_readable(kernel)
    assert (await Secrets(kernel).rotate()).sealed == 4
    use(kernel, None, new)
    await require_readable(kernel)


async def test_a_changed_source_still_opens_what_the_former_one_sealed(kernel, tmp_path):
    await fill(kernel)
    use(kernel, None, new_key())
    await require_readable(kernel)
    await Secrets(kernel).rotate()
    (kernel.home / "secret.key").unlink()
    await require_readable(kernel)


async def test_a_file_elsewhere_is_read_and_never_written(kernel, tmp_path):
    place = tmp_path / "elsewhere.key"
    use(kernel, f"file:{place}", None)
    with pytest.raises(ConfigInvalid, match=r"no secret key in the file .*elsewhere\.key"):
        await fill(kernel)
    first, second = new_key(), new_key()
    place.write_text(first)
    await fill(kernel)
    place.write_text(f"{second}\n{first}\n")
    await Secrets(kernel).rotate()
    assert place.read_text() == f"{second}\n{first}\n"
    place.write_text(second)
    await require_readable(kernel)


async def test_a_lost_key_is_told_with_the_names_and_the_way_out(kernel):
    await fill(kernel)
    lost = (await Secrets(kernel).status()).seals
    (kernel.home / "secret.key").unlink()
    async with opened(kernel.home) as home:
        secrets = Secrets(home)
        assert (await secrets.status()).unreadable[:2] == [
            "the secret 'token' of connection 'shop'",
            "the token of connection 'shop'",
        ]
        with pytest.raises(StepError, match="secret 'token' of connection 'shop'") as opening:
            await home.deps.connections.get("shop")
        assert opening.value.code == "secret.sealed"
        assert "rotate --lost" in opening.value.hint
        assert await tokens(home).load() is None  # a new one is got
        changed = CONNECTION.replace(b"very-", b"most-")
        with pytest.raises(ConfigInvalid, match=f"key {lost}") as sealing:
            await Flows(home).import_documents([("shop.yaml", changed)])
        assert sealing.value.code == "secret.key_missing"
        assert not (home.home / "secret.key").exists()  # none is made in its place without a word
        with pytest.raises(ConfigInvalid, match="no key at hand opens the secret 'token'"):
            await secrets.rotate()
        done = await secrets.rotate(RotateRequest(lost=True))
        assert len(done.unreadable) == 4
        await Flows(home).import_documents([("shop.yaml", CONNECTION)])
        assert (await secrets.status()).unreadable == done.unreadable[1:]


async def test_no_message_holds_a_key_or_a_secret(kernel):
    await fill(kernel)
    key = (kernel.home / "secret.key").read_text()
    (kernel.home / "secret.key").write_text(key[:-4])
    async with opened(kernel.home) as home:
        with pytest.raises(RedriveError) as caught:
            await home.deps.connections.get("shop")
    told = encode(caught.value.as_dict()).decode()
    assert caught.value.code == "secret.key_invalid"
    assert key[:12] not in told
    assert "very-secret" not in told


@pytest.mark.parametrize("with_keys", [True, False])
async def test_a_backup_holds_the_key_only_where_it_is_asked_for(kernel, tmp_path, with_keys, monkeypatch):
    use(kernel, None, new_key())  # not in a file of the home
    await fill(kernel)
    file = tmp_path / "backup.tar"
    file.write_bytes(b"".join([chunk async for chunk in Backups(kernel).create(secrets=with_keys)]))
    with file.open("rb") as source:
        assert (await restore(source, tmp_path / "new")).secrets == with_keys
    monkeypatch.delenv("REDRIVE_STORE", raising=False)  # a restore makes a home of files
    async with opened(tmp_path / "new") as home:
        if with_keys:
            await require_readable(home)
        else:
            with pytest.raises(StepError, match="secret 'token' of connection 'shop'"):
                await home.deps.connections.get("shop")


# ---- the keyring of the operating system, in a process of its own

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from redrive.service.secrets import Secrets
from tests.unit.service.definition_home import opened
from tests.unit.service.test_secrets import fill, require_readable, use
async def main():
    async with opened(Path(sys.argv[1])) as kernel:
        use(kernel, "keyring", None)
        await fill(kernel)
        await require_readable(kernel)
        print((await Secrets(kernel).rotate()).sealed)
        await require_readable(kernel)
        print((kernel.home / "secret.key").exists())
asyncio.run(main())
"""


def keyring(backend: str, home: Path, data: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    environment = os.environ | {
        "PYTHON_KEYRING_BACKEND": backend,
        "XDG_DATA_HOME": str(data),
        "PYTHONPATH": f"{root / 'src'}:{root}",
    }
    environment.pop("REDRIVE_STORE", None)
    command = [sys.executable, "-c", _PROGRAM, str(home)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_key_in_the_keyring_seals_and_is_rotated(tmp_path):
    done = keyring("keyrings.alt.file.PlaintextKeyring", tmp_path / "home", tmp_path / "data")
    assert done.stdout.split() == ["4", "False"], done.stderr
    (written,) = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert "redrive" in written.read_text()


def test_a_machine_without_a_keyring_is_told(tmp_path):
    done = keyring("keyring.backends.fail.Keyring", tmp_path / "home", tmp_path / "data")
    assert "this machine has no keyring that can be used" in done.stderr
