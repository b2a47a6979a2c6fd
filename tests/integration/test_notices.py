"""Notices through the Apprise library to real receivers: an HTTP server and a mail server on loopback."""

from __future__ import annotations

import asyncio
import email
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

from redrive.errors import PayloadError, RedriveError
from redrive.sdk import Out, Payload, StepContext
from redrive.service.group_views import GroupRequest, NoticeView
from redrive.service.views import RetryRequest
from redrive.store import notices as store
from tests.unit.engine.world import Desk, Home, World, reset

A = "{id: a, shape: hooked}"
TELLING = "settings: {notify_on_failure: [ops]}"


class Receiver:
    """What came in, and what is answered."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.url = ""
        self._came = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(json.loads(await request.read()))
        self._came.set()
        return web.Response(status=self.status)

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(20):
            while len(self.got) < count:
                self._came.clear()
                await self._came.wait()
        return self.got


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"json://{host}:{port}/hooks/very-secret-token"
    yield receiver
    await runner.cleanup()


class Mails:
    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.got.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 OK"


@pytest.fixture
async def world() -> World:
    return reset()


@asynccontextmanager
async def opened(path: Path, *urls: str, **settings: Any) -> AsyncIterator[Desk]:
    async with Home(path).open() as desk:
        if urls:
            request = {"urls": [{"url": url} for url in urls], **settings}
            await desk.service.groups.set("ops", GroupRequest.model_validate(request))
        yield desk


async def failing(_payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
    raise PayloadError("not today")
    yield


async def sent(desk: Desk, count: int) -> list[NoticeView]:
    """The notices, once so many were sent."""
    async with asyncio.timeout(20):
        while True:
            found = [one for one in (await desk.service.groups.sent()).items if one.status == "sent"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


async def tried(desk: Desk, times: int) -> NoticeView:
    """The newest notice, once it was tried so often."""
    async with asyncio.timeout(20):
        while True:
            (notice, *_) = (await desk.service.groups.sent()).items
            if notice.tries >= times:
                return notice
            await asyncio.sleep(0.01)


async def test_a_failed_run_and_its_recovery_are_told(
    tmp_path: Path, world: World, receiver: Receiver
) -> None:
    async with opened(tmp_path / "home", receiver.url, level="error") as desk:
        await desk.put(A, head=TELLING)
        assert (await desk.run({"id": 1})).status == "success"  # it was well before: nothing to tell
        world.hooks["a"] = failing
        run = await desk.run({"id": 1})
        (told,) = await receiver.until(1)
        assert (told["title"], told["type"]) == ("f failed", "failure")
        assert told["message"].startswith("a: not today\nRun " + run.id)
        world.hooks.clear()
        again = await desk.service.redrives.retry(run.id, RetryRequest())
        await desk.ended(again.id)
        well = (await receiver.until(2))[1]
        assert (well["title"], well["type"]) == ("f works again", "info")
        await desk.run({"id": 1})
        notices = await sent(desk, 2)
        assert [(one.title, one.run, one.step) for one in notices] == [
            ("f works again", again.id, None),
            ("f failed", run.id, "a"),
        ]


async def test_equal_failures_within_the_quiet_period_become_one_message(
    tmp_path: Path, world: World, receiver: Receiver
) -> None:
    world.hooks["a"] = failing
    async with opened(tmp_path / "home", receiver.url, quiet_period=1) as desk:
        await desk.put(A, head=TELLING)
        for _ in range(4):
            await desk.run({"id": 1})
        first, rest = await receiver.until(2)
        assert "times since" not in first["message"]
        assert "(3 times since " in rest["message"]
        assert [one.count for one in await sent(desk, 2)] == [3, 1]


async def test_a_step_tells_and_mail_arrives(tmp_path: Path, world: World) -> None:
    mails = Mails()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mails), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"mailto://127.0.0.1:{port}?from=redrive@example.org&to=ops@example.org&mode=insecure"
        async with opened(tmp_path / "home", url) as desk:
            step = (
                "{id: tell, shape: notify, name: Stock, message: '{{ payload.sku }} is out', level: warning"
            )
            await desk.put(step + ", groups: [ops, nobody]}", A)
            run = await desk.run({"sku": "X-1"})
            assert run.status == "success"
            lines = [line.message for line in (await desk.service.runs.logs(run.id, "tell")).items]
            assert lines == ["X-1 is out", "nobody is told: there is no notification group 'nobody'"]
            assert run.warnings == 2
            await sent(desk, 1)
    ((to, mail),) = mails.got
    assert to == ["ops@example.org"]
    assert mail["Subject"] == "f: Stock"
    parts = [part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart()]
    assert any("X-1 is out" in part for part in parts)


async def test_what_cannot_be_sent_is_tried_again_and_shown_and_fails_nothing(
    tmp_path: Path, world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    async with opened(tmp_path / "home", receiver.url) as desk:
        await desk.put("{id: tell, shape: notify, message: hello, groups: [ops]}", A)
        run = await desk.run({"id": 1})
        assert run.status == "success"
        await receiver.until(1)
        notice = await tried(desk, 1)
        assert (notice.status, notice.tries) == ("waiting", 1)
        assert notice.due_at > notice.at
        assert notice.error is not None
        assert notice.error.startswith("json: ")
        assert "500" in notice.error
        with pytest.raises(RedriveError) as caught:
            await desk.service.groups.send_again(notice.id)
        assert caught.value.code == "notice.not_failed"
        result = await desk.service.groups.test("ops")
        assert not result.sent
        receiver.status = 200
        assert (await desk.service.groups.test("ops")).sent
        shown = [str(view) for view in (await desk.service.groups.list()).items]
        told = "".join([caplog.text, notice.error, str(result), *shown])
        assert "very-secret-token" not in told
    database = (tmp_path / "home" / "redrive.db").read_bytes()
    assert b"very-secret-token" not in database


async def test_only_the_url_that_was_not_reached_is_tried_again(
    tmp_path: Path, world: World, receiver: Receiver
) -> None:
    async with opened(tmp_path / "home", receiver.url, "json://127.0.0.1:1/closed") as desk:
        await desk.put("{id: tell, shape: notify, message: hello, groups: [ops]}")
        await desk.run({"id": 1})
        await receiver.until(1)
        await tried(desk, 1)
        (notice,) = store.notices_page(desk.service.kernel.deps.reader.rows(), None, None, None, 1)
        assert notice.left == b"[1]"
        now = msgspec.structs.replace(notice, due_at=0)
        await desk.service.kernel.write(lambda transaction: store.update_notice(transaction, now))
        desk.service.kernel.deps.outbox.notify()
        await tried(desk, 2)
        assert len(receiver.got) == 1
