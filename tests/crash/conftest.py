"""One site, one home to copy and one process to fork for the whole crash suite."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from redrive.service.app import open_service
from redrive.service.group_views import GroupRequest, Url
from redrive.settings import load
from tests.crash.house import House, Zygote, copied, documents
from tests.crash.site import Site, serving
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="session")
def template(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has the documents of the suite and no run."""
    path = tmp_path_factory.mktemp("template") / "home"

    async def make() -> None:
        async with open_service(path, load(environment={})) as service:
            await service.flows.import_documents(documents(site.url), deploy=True)
            await service.groups.set("ops", GroupRequest(urls=[Url(env="OPS_URL")]))

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def postgres_template(site: Site, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that has the documents of the suite and no run."""
    address = postgres.migrated()
    path = tmp_path_factory.mktemp("template") / "home"

    async def make() -> None:
        async with open_service(path, load(environment={"REDRIVE_STORE": address})) as service:
            await service.flows.import_documents(documents(site.url), deploy=True)
            await service.groups.set("ops", GroupRequest(urls=[Url(env="OPS_URL")]))

    # Asked for in the middle of a test, whose loop runs in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(make())).result()
    return address


@pytest.fixture(scope="session")
def make_house(
    site: Site,
    zygote: Zygote,
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Callable[..., House]:
    """`store`: on which kind of record store."""
    numbers = iter(range(1_000_000))

    def make(name: str, *, store: str = "sqlite", **case: Any) -> House:
        plain = f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}-{next(numbers)}"
        folder = tmp_path_factory.mktemp("crash")
        address = None
        if store == "postgres":
            source = request.getfixturevalue("postgres_template")
            address = request.getfixturevalue("postgres").copy(source)
        return copied(template, folder / "home", site.case(plain, **case), zygote, address)

    return make


@pytest.fixture
def house(make_house: Callable[..., House], request: pytest.FixtureRequest) -> House:
    """A home of this test alone."""
    return make_house(request.node.name)
