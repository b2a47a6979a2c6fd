"""Which store of objects a home uses: its own folder, or one behind the network.

    s3://bucket/prefix?region=eu-central-1           Amazon S3
    s3://bucket/prefix?endpoint=https://s3.example   anything that speaks S3
    gs://bucket/prefix                               Google Cloud Storage
    az://container/prefix?account=name               Azure Blob Storage

What else the address may say after `?` is in `OPTIONS`. Keys never stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from redrive.core.nearest import nearest
from redrive.errors import ConfigInvalid, HomeUnusable
from redrive.store.blobs.base import Blob, BlobReader, Blobs, BlobWriter, Failpoint, StoredBlob, no_failpoint
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.blobs.remote import RemoteBlobs

if TYPE_CHECKING:
    from obstore.store import ObjectStore

MARK: Final = "objects-store"
"""File of a home that says where its objects are, if they are not in its folder."""

OPTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "s3": MappingProxyType(
            {
                "endpoint": "endpoint",
                "region": "region",
                "virtual_hosted": "virtual_hosted_style_request",
                "role_arn": "role_arn",
                "encryption": "server_side_encryption",
                "kms_key": "sse_kms_key_id",
            }
        ),
        "gs": MappingProxyType({"endpoint": "base_url", "service_account": "service_account_path"}),
        "az": MappingProxyType(
            {"endpoint": "endpoint", "account": "account_name", "emulator": "use_emulator"}
        ),
    }
)
"""For each scheme what an address may say, and the name that the library has for it."""

_KEYS: Final = MappingProxyType(
    {
        "s3": ("access_key_id", "secret_access_key"),
        "gs": ("", "service_account_key"),
        "az": ("account_name", "account_key"),
    }
)
_RETRY_S: Final = 60
_PROBE_S: Final = 5


def open_blobs(
    home: Path,
    address: str | None,
    *,
    key: str | None = None,
    secret: str | None = None,
    failpoint: Failpoint = no_failpoint,
    zstd_level: int = 1,
) -> Blobs:
    """The objects of a home. Objects that it kept in its folder before stay readable.

    Errors: `config.invalid` (the address; the library is not installed), `objects.no_bucket`,
    `objects.refused`, `objects.unreachable`, `home.objects_elsewhere`, `store.io`.
    """
    disk = DiskBlobs(home, failpoint=failpoint, zstd_level=zstd_level)
    mark = home / MARK
    if address is None:
        if mark.exists():
            raise HomeUnusable(
                f"the objects of the home {home} are in {mark.read_text().strip()}, and the setting "
                "`objects` does not say so",
                code="home.objects_elsewhere",
                hint=f"Set REDRIVE_OBJECTS to it. If they are no longer needed, remove the file {mark}.",
            )
        return disk
    shown = _shown(address)

    def remote(patience_s: int) -> RemoteBlobs:
        store = object_store(address, key=key, secret=secret, patience_s=patience_s)
        return RemoteBlobs(store, shown, disk.temp, failpoint=failpoint, zstd_level=zstd_level)

    remote(_PROBE_S).probe()
    if not mark.exists() or mark.read_text().strip() != shown:
        mark.write_text(f"{shown}\n")
    return FormerBlobs(remote(_RETRY_S), disk)


def object_store(
    address: str, *, key: str | None = None, secret: str | None = None, patience_s: int = _RETRY_S
) -> ObjectStore:
    """The library's store for an address. Errors: `config.invalid`."""
    parts = urlsplit(address)
    known = OPTIONS.get(parts.scheme)
    if known is None or not parts.hostname:
        raise _invalid(f"{_shown(address)!r} is no address of an object store")
    if parts.username or parts.password:
        raise _invalid("the address holds a key", hint="Give it as `objects_key` and `objects_secret`.")
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
        from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415
    except ImportError:
        raise _invalid(
            "object stores need the package `obstore`, which is not installed",
            hint="pip install 'redrive[objects]'",
        ) from None
    config: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            near = nearest(name, known)
            raise _invalid(
                f"an address that begins with {parts.scheme}:// has no option {name!r}",
                hint=f"Did you mean {near!r}?" if near else f"There are {', '.join(known)}.",
            )
        config[known[name]] = value
    given = zip(_KEYS[parts.scheme], (key, secret), strict=True)
    config.update({name: value for name, value in given if name and value})
    plain = any(str(value).startswith("http://") for value in config.values())
    options: dict[str, Any] = {
        "prefix": parts.path.strip("/") or None,
        "client_options": {
            "connect_timeout": "5s",
            "timeout": "60s",
            "allow_http": plain or "use_emulator" in config,
        },
        "retry_config": {
            "max_retries": 20,
            "retry_timeout": timedelta(seconds=patience_s),
            "backoff": {"max_backoff": timedelta(seconds=5)},
        },
    }
    kinds: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    try:
        store: ObjectStore = kinds[parts.scheme](parts.netloc, **options, **config)
    except (BaseError, ValueError, TypeError) as error:
        raise _invalid(f"{_shown(address)} cannot be used: {str(error).splitlines()[0]}") from None
    return store


class FormerBlobs(Blobs):
    """Writes to one store, and reads what only a former one has."""

    def __init__(self, present: Blobs, former: Blobs) -> None:
        self.present = present
        self.former = former
        self.parallel = present.parallel

    def writer(self) -> BlobWriter:
        return self.present.writer()

    def finish_many(self, writers: Sequence[BlobWriter]) -> list[Blob]:
        return self.present.finish_many(writers)

    def open(self, digest: bytes) -> BlobReader:
        if self.former.exists(digest) and not self.present.exists(digest):
            return self.former.open(digest)
        return self.present.open(digest)

    def exists(self, digest: bytes) -> bool:
        return self.former.exists(digest) or self.present.exists(digest)

    def delete(self, digest: bytes, older_than_s: float = 0.0) -> bool:
        former = self.former.delete(digest, older_than_s)
        present = self.present.delete(digest, older_than_s)
        return (former or present) and not self.exists(digest)

    def iterate(self) -> Iterator[StoredBlob]:
        yield from self.present.iterate()
        for stored in self.former.iterate():
            if not self.present.exists(stored.digest):
                yield stored

    def sweep_temp(self, older_than_s: float) -> int:
        return self.present.sweep_temp(older_than_s) + self.former.sweep_temp(older_than_s)


def _shown(address: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(address)
    host = parts.netloc.rsplit("@", 1)[-1]
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def _invalid(detail: str, hint: str | None = None) -> ConfigInvalid:
    return ConfigInvalid(
        f"objects: {detail}",
        at="objects",
        hint=hint or "Write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.",
    )
