"""The story of a failed run: found, understood, edited and redriven, with nothing sent twice.

It goes through the same interface as every other user, and holds each claim against the ERP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from redrive.core import jsonvalue
from redrive.demo import pictures
from redrive.demo.claims import Claims, StoryEnds
from redrive.demo.servers import DemoServers
from redrive.service.interface import Services
from redrive.service.views import PayloadView, RedriveRequest, RunView, StartRequest, StepRunView

FLOW = "orders-to-erp"
PULL, SEND = "pull", "send"
DAY = "2026-11-02"
ORDER, POSTCODE = "1042", "BS1 5TY"
PAID, BATCH = 50, 10
LOOK_AGAIN_S = 0.1


@dataclass
class Story:
    services: Services
    console: Console
    servers: DemoServers
    claims: Claims

    async def tell(self) -> None:
        await self.set_the_scene()
        failed = await self.run_fails()
        await self.look_into_the_run_log(failed)
        await self.look_at_a_payload(failed)
        before, after, payload = await self.find_the_order(failed)
        await self.plan(failed)
        redriven = await self.edit_and_redrive(failed, payload, before, after)
        await self.count(failed, redriven)

    def chapter(self, title: str, *, command: str = "", text: str = "") -> None:
        self.console.print()
        self.console.rule(Text(title, style="bold"), align="left")
        if command:
            self.command(command)
        if text:
            self.say(text)

    def say(self, text: str, style: str = "") -> None:
        """A text as it is: nothing in it is markup."""
        self.console.print(Text(text, style=style))

    def command(self, words: str) -> None:
        """What a person would type to see the same. It stays on one line, to be copied."""
        self.console.print(Text(f"$ {words}", style="cyan"), soft_wrap=True)

    async def set_the_scene(self) -> None:
        shop, erp = self.servers.shop.url, self.servers.erp.url
        self.chapter(
            "A shop, an ERP, and a flow between them",
            text=f"The demo shop is at {shop}, the demo ERP at {erp}: two processes of their own. The flow "
            f"{FLOW} pulls a day's orders, keeps the paid ones and books them in the ERP, ten at a time.",
        )
        text = self.servers.documents().encode()
        for document in await self.services.flows.import_documents([("demo.yaml", text)], deploy=True):
            self.say(f"  {document.kind} {document.name}: {document.result}")
        self.claims.check("The ERP has booked nothing yet", {}, await self.booked())

    async def run_fails(self) -> RunView:
        self.chapter("The run fails at the ERP", command=f"redrive run {FLOW}")
        started = await self.services.runs.start(FLOW, await self.start_request())
        run = await self.follow(started.id)
        self.claims.need("The run ended in failure", "failure", run.status)
        booked = await self.booked()
        self.claims.check(
            "The ERP booked 40 orders, each once", (40, {1}), (len(booked), set(booked.values()))
        )
        refused = [request for request in await self.received() if request["outcome"] == "refused"]
        self.claims.check(
            "It refused one request of 10 orders", [BATCH], [len(request["ids"]) for request in refused]
        )
        return run

    async def look_into_the_run_log(self, failed: RunView) -> None:
        self.chapter("The run log shows what happened", command="redrive runs --status failure")
        rows = (await self.services.runs.list(status="failure", flow=FLOW)).items
        self.console.print(pictures.runs(rows))
        self.claims.check("The run log lists the failed run first", [failed.id], [row.id for row in rows[:1]])
        self.command(f"redrive show {failed.id}")
        self.console.print(pictures.steps(failed))
        counts = step_of(failed, SEND).deliveries
        self.claims.check(
            "The step send: 40 delivered, 10 rejected", (40, 10), (counts.delivered, counts.rejected)
        )
        exchanges = (await self.services.runs.exchanges(failed.id, SEND)).items
        refused = [exchange for exchange in exchanges if exchange.status == 422]
        said = [await joined(self.services.runs.exchange_body(one.id, "response")) for one in refused]
        for body in said:
            self.say(f"  The ERP said: {jsonvalue.decode(body)['error']}", style="red")
        self.claims.check(
            "The exchange with the refusal is kept and names the order",
            [True],
            [ORDER.encode() in b for b in said],
        )

    async def look_at_a_payload(self, failed: RunView) -> None:
        page = step_of(failed, PULL).payloads_out[0]
        self.chapter(
            "Every payload at the end of every step is kept whole",
            command=f"redrive payload {page.id}",
            text="What is shown of it is bounded and ends in [trimmed]; what is kept is all of it.",
        )
        detail = await self.services.payloads.get(page.id)
        self.console.print(pictures.payload(detail, width=self.console.width))
        shown = (detail.trimmed, (detail.text or "").endswith("[trimmed]"))
        self.claims.check("What is shown ends in [trimmed]", (True, True), shown)
        stored = await joined(self.services.payloads.stream(page.id))
        sent = await asyncio.to_thread(self.servers.shop.read, f"/orders?page=1&per_page=40&day={DAY}")
        self.claims.check("What is stored is, to the byte, what the shop sent", orders_of(sent), stored)

    async def find_the_order(self, failed: RunView) -> tuple[str, str, PayloadView]:
        self.chapter(f"Order {ORDER} is found where it stands", command=f"redrive find {ORDER}")
        rows = (await self.services.search.find(ORDER)).items
        self.console.print(pictures.found(rows))
        payload = step_of(failed, SEND).failed_payloads[0]
        places = {(row.run, row.step, row.payload, row.delivery): row.item for row in rows}
        item = places.get((failed.id, SEND, payload.id, "rejected"))
        self.claims.need("It is found in the payload that failed", True, item is not None)
        assert item is not None
        before = (await self.services.payloads.items(payload.id, item, item + 1)).items[0]
        order = jsonvalue.decode(before)
        self.claims.check(
            "It is the order without a postcode",
            (int(ORDER), ""),
            (order["id"], order["ship_to"]["postcode"]),
        )
        order["ship_to"]["postcode"] = POSTCODE
        return before, jsonvalue.encode(order).decode(), payload

    async def plan(self, failed: RunView) -> None:
        self.chapter("The plan comes first", command=f"redrive redrive {failed.id} --at {SEND} --plan")
        plan = await self.services.redrives.plan(failed.id, RedriveRequest(at=SEND))
        self.console.print(pictures.plan(plan))
        step = next(step for step in plan.steps if step.step == SEND)
        self.claims.check(
            f"{PAID - BATCH} of {PAID} already delivered, {BATCH} to send",
            (PAID - BATCH, BATCH),
            (step.delivered, step.to_send),
        )

    async def edit_and_redrive(
        self, failed: RunView, payload: PayloadView, before: str, after: str
    ) -> RunView:
        self.chapter(
            "The payload is edited and the run redriven",
            command=f"redrive redrive {failed.id} --at {SEND} --edit {payload.id}=edited.json --reason …",
        )
        self.console.print(pictures.edit(before, after))
        stored = await joined(self.services.payloads.stream(payload.id))
        edited = stored.replace(before.encode(), after.encode())
        upload = await self.services.payloads.upload(once(edited), like=payload.id)
        request = RedriveRequest(
            at=SEND, edits={payload.id: upload.id}, reason=f"postcode of order {ORDER} added"
        )
        started = await self.services.redrives.redrive(failed.id, request)
        run = await self.follow(started.id)
        self.console.print(pictures.steps(run))
        counts = step_of(run, SEND).deliveries
        self.claims.check("The redrive ended in success", "success", run.status)
        self.claims.check("It names the run that it was made from", failed.id, run.source_run)
        self.claims.check(
            "It sent 10 orders and left out 40", (BATCH, 40), (counts.delivered, counts.skipped)
        )
        source = await self.services.runs.get(failed.id)
        self.claims.check(
            "The failed run stays as it was and names its redrive",
            ("failure", [run.id]),
            (source.status, source.redrives),
        )
        return run

    async def count(self, failed: RunView, redriven: RunView) -> None:
        self.chapter("The ERP counts", command=f"curl {self.servers.erp.url}/counts")
        booked = await self.booked()
        page = await asyncio.to_thread(
            self.servers.shop.read, f"/orders?per_page=250&financial_status=paid&day={DAY}"
        )
        paid = {str(order["id"]): 1 for order in jsonvalue.decode(orders_of(page))}
        self.claims.check(f"The shop has {PAID} paid orders of the day", PAID, len(paid))
        self.claims.check("The ERP booked each of them exactly once, and no other", paid, booked)
        rows = (await self.services.ledger.list(key=ORDER)).items
        history = [
            (event.run, event.status) for row in rows for event in row.history if event.status != "begun"
        ]
        self.claims.check(
            f"The ledger tells of order {ORDER}: rejected, then delivered",
            [(failed.id, "rejected"), (redriven.id, "delivered")],
            history,
        )

    async def follow(self, run_id: str) -> RunView:
        """Wait for the end of a run and show how far it is."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        ended = asyncio.ensure_future(self.services.runs.wait(run_id))
        try:
            with Progress(*columns, console=self.console) as progress:
                bar = progress.add_task(f"run {run_id}", total=None)
                while not ended.done():
                    run = await self.services.runs.get(run_id)
                    over = [step for step in run.steps if step.status not in {"pending", "running"}]
                    doing = next((step.step for step in run.steps if step.status == "running"), run.status)
                    progress.update(bar, total=len(run.steps), completed=len(over), description=doing)
                    await asyncio.wait({ended}, timeout=LOOK_AGAIN_S)
                run = await self.services.runs.get((await ended).id)
                progress.update(bar, total=len(run.steps), completed=len(run.steps), description=run.status)
        finally:
            ended.cancel()
        return run

    async def start_request(self) -> StartRequest:
        """An ordinary start. In a home that told the story before, its ledger holds deliveries to an ERP
        that is gone; the ERP of today has nothing, so all is sent.
        """
        before = (await self.services.ledger.list(status="delivered", key=ORDER)).items
        if not before:
            return StartRequest()
        return StartRequest(delivery="send_all", reason="the demo ERP is new and empty")

    async def booked(self) -> dict[str, int]:
        return await asyncio.to_thread(self.servers.erp.counts)

    async def received(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self.servers.erp.received)


async def tell(services: Services, console: Console, servers: DemoServers) -> bool:
    """Tell the story; true if every claim in it was checked and is true.

    The connections take their tokens from the variables of `servers.environment`: set them in the
    process that executes the runs before this is called.
    """
    story = Story(services, console, servers, Claims(console))
    with contextlib.suppress(StoryEnds):
        await story.tell()
    console.print()
    story.claims.sum_up()
    return story.claims.all_true


def step_of(run: RunView, step: str) -> StepRunView:
    return next(each for each in run.steps if each.step == step)


def orders_of(page: bytes) -> bytes:
    """The bytes of the array in a page of the shop."""
    return page[len(b'{"orders":') : page.rindex(b',"count":')]


async def joined(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data
