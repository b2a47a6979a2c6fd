"""A test made from a past run: its recorded exchanges, what it began with, what each step came to."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec

from redrive.core.counting import counted
from redrive.core.formats import is_json
from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import PayloadRow, StepRun
from redrive.documents.add_test import as_yaml, with_test
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.engine.clock import instant
from redrive.errors import PayloadGone, StateConflict
from redrive.sdk.content import Content
from redrive.service.chosen import choose_original
from redrive.service.flowtest_views import MadeFile, MadeTest
from redrive.service.kernel import Kernel
from redrive.service.past_runs import Made, PastRun, made_by, outputs, past_run, payloads_of, readable
from redrive.service.playback import after_host
from redrive.service.surroundings import sends_of, surroundings
from redrive.service.versions import ensure_flow, text_of
from redrive.store import deliveries as delivery_store
from redrive.store import flows as flow_store
from redrive.store.committer import Transaction

INLINE_BYTES: Final = 16 << 10
"""Larger contents go into files beside the document; in a draft they are written out up to the next."""
DRAFT_BYTES: Final = 256 << 10
MOST_OUT: Final = 20
"""A step that put out more payloads is compared by counts."""
MOST_SENT: Final = 50
MOST_KEYS: Final = 200
# Headers of an answer that say nothing which a flow could depend on.
_VOLATILE: Final = frozenset(
    {
        "alt-svc", "cf-ray", "connection", "content-encoding", "content-length", "date", "keep-alive", "nel",
        "report-to", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "vary", "via",
        "x-powered-by",
    }
)  # fmt: skip


async def make(kernel: Kernel, run_id: str, name: str | None, *, store: bool) -> MadeTest:
    """Errors: `run.unknown`, `run.not_ended`, `run.not_first`, `payload.expired`, `test.too_large` (store),
    `flow.unknown` (store).
    """
    past = await past_run(kernel, run_id)
    await readable(past, kernel)
    title = name or f"as in run {past.id}"
    making = _Making(kernel, past, inline=DRAFT_BYTES if store else INLINE_BYTES, files=not store)
    test = await making.test(title)
    run = past.run
    version = await choose_original(kernel, run.flow, run.flow_id, run.version)
    if store:
        document = await kernel.write(
            lambda transaction: _stored(transaction, kernel, past, version.text, test)
        )
    else:
        document = with_test(load_one(version.text.decode(), version.file), test)
    return MadeTest(
        flow=run.flow,
        run=past.id,
        test=title,
        text=as_yaml(test),
        document=document,
        files=making.made_files,
        notes=making.notes,
        stored=store,
    )


def _stored(
    transaction: Transaction, kernel: Kernel, past: PastRun, version: bytes, test: dict[str, Any]
) -> str:
    """The draft with the test; where there is no draft, the run's version becomes it."""
    flow = ensure_flow(transaction, kernel, past.run.flow)
    if flow.draft is not None:
        text, file = text_of(transaction, flow, ("draft",))
    else:
        text, file = version, f"{flow.name}.yaml"
    document = load_one(text.decode(), file)
    result = with_test(document, test)
    parse_flow(load_one(result, file), kernel.registry)
    flow_store.put_draft(transaction, flow.id, result.encode(), file or "")
    kernel.audit(transaction, "flow.test_added", flow.name, test=test["test"], run=past.id)
    return result


class _Making:
    def __init__(self, kernel: Kernel, past: PastRun, *, inline: int, files: bool) -> None:
        self._kernel = kernel
        self._past = past
        self._inline = inline
        self._files = files
        self.made_files: list[MadeFile] = []
        self.notes: list[str] = []
        self._seen: set[bytes] = set()

    async def test(self, title: str) -> dict[str, Any]:
        kernel, past = self._kernel, self._past
        run = past.run
        built = kernel.deps.flows.get(run.flow_id, run.version)
        found = await kernel.deps.reader.run(lambda rows: surroundings(rows, built.flow, kernel.registry))
        sends = sends_of(built.flow, found)
        made = await made_by(kernel, past)
        test: dict[str, Any] = {"test": title, "note": f"Made from run {past.id}.", "clock": _iso(run.clock)}
        if past.last_success is not None:
            test["last_success"] = _iso(past.last_success)
        if past.variables:
            test["variables"] = past.variables
        given = [
            await self._given(payload, content)
            async for _, payload, content in payloads_of(kernel, past.plan.inputs)
        ]
        if given:
            test["given"] = given
        if past.plan.skips:
            test["skip"] = past.plan.skips
        if made:
            test["exchanges"] = {
                step: [await self._exchange(one) for one in there] for step, there in made.items()
            }
        expected: dict[str, Any] = {}
        for node in built.flow.walk():
            step = past.steps.get(node.id)
            if step is not None and step.skipped:
                self.notes.append(
                    f"{counted(step.skipped, 'item')} of {node.id} left out, as delivered before; a "
                    "test knows no earlier deliveries, so nothing is expected from there on"
                )
                break
            expected[node.id] = await self._step(step, made.get(node.id, []) if node.id in sends else None)
        test["expect"] = {"status": run.status, "steps": expected}
        return test

    async def _step(self, step: StepRun | None, sent: list[Made] | None) -> dict[str, Any]:
        if step is None:
            return {"status": "pending"}
        expected: dict[str, Any] = {"status": step.status}
        if step.error:
            expected["error"] = decode(step.error)["code"]
        if step.failed:
            expected["failed"] = step.failed
        if step.payloads_out > MOST_OUT:
            expected |= {"payloads": step.payloads_out, "items": step.items_out}
        elif step.status != "skipped":
            expected["out"] = [
                await self._out(payload, content)
                async for _, payload, content in payloads_of(self._kernel, outputs(step))
            ]
        return expected if sent is None else {**expected, **await self._send(step, sent)}

    async def _send(self, step: StepRun, sent: list[Made]) -> dict[str, Any]:
        expected: dict[str, Any] = {}
        if len(sent) <= MOST_SENT:
            expected["sent"] = [await self._sent(one) for one in sent]
        if 0 < step.delivered <= MOST_KEYS:
            expected["delivered"] = await self._delivered(step)
        for name in ("rejected", "unknown"):
            if count := getattr(step, name):
                expected[name] = count
        return expected

    async def _delivered(self, step: StepRun) -> list[str]:
        return await self._kernel.deps.reader.run(
            lambda rows: delivery_store.keys_delivered(rows, step.run_id, step.position)
        )

    async def _given(self, payload: PayloadRow, content: Content) -> dict[str, Any]:
        form: dict[str, Any] = await self._content(
            content, payload.media_type, payload=to_text("p", payload.id), exact=True
        )
        if "json" not in form or payload.media_type != "application/json":
            form["media_type"] = payload.media_type
        if payload.items_path:
            form["items"] = payload.items_path
        if payload.meta and (meta := decode(payload.meta)):
            form["meta"] = meta
        return form

    async def _out(self, payload: PayloadRow, content: Content) -> dict[str, Any]:
        self._seen.add(payload.digest)
        form = await self._content(content, payload.media_type, payload=to_text("p", payload.id), exact=False)
        if "json" in form:
            form["equals"] = form.pop("json")
        if payload.media_type != "application/json":
            form["media_type"] = payload.media_type
        if payload.meta and (meta := decode(payload.meta)):
            form["meta"] = meta
        return form

    async def _exchange(self, made: Made) -> dict[str, Any]:
        response: dict[str, Any] = {}
        if made.status is not None:
            response["status"] = made.status
            headers: dict[str, Any] = {}
            for name, value in made.headers:
                if name.casefold() in _VOLATILE:
                    continue
                known = headers.get(name)
                headers[name] = (
                    value if known is None else [*(known if isinstance(known, list) else [known]), value]
                )
            if headers:
                response["headers"] = headers
        if made.failure is not None:
            response["error"] = made.failure
        if made.body is not None:
            content = self._kernel.deps.contents.known(made.body, made.body_bytes)
            media_type = next((v for n, v in made.headers if n.casefold() == "content-type"), "")
            response |= await self._content(
                content, media_type.partition(";")[0].strip(), exchange=to_text("x", made.id), exact=True
            )
        return {"request": {"method": made.method, "url": after_host(made.url)}, "response": response}

    async def _sent(self, made: Made) -> dict[str, Any]:
        sent: dict[str, Any] = {"method": made.method, "url": after_host(made.url)}
        stands = made.request_body in self._seen  # as what an earlier step put out: it is compared there
        if made.request_body is not None and not stands and made.request_bytes <= self._inline:
            content = self._kernel.deps.contents.known(made.request_body, made.request_bytes)
            with suppress(ValueError, PayloadGone):  # then the body is not compared
                sent["json"] = decode(await content.read())
        return sent

    async def _content(
        self,
        content: Content,
        media_type: str,
        *,
        exact: bool,
        payload: str | None = None,
        exchange: str | None = None,
    ) -> dict[str, Any]:
        """`json`, `text` or `file`. `exact`: JSON only where its spelling is what JSON of the value is."""
        if content.size_bytes <= self._inline:
            data = await content.read()
            try:
                text = data.decode()
                if is_json(media_type) and data:
                    value = decode(data)
                    if not exact or encode(value) == msgspec.json.format(data, indent=-1):
                        return {"json": value}
                if not any(ord(sign) < 32 and sign not in "\n\r\t" for sign in text):
                    return {"text": text}
            except (ValueError, msgspec.DecodeError):
                pass
        if not self._files:
            raise StateConflict(
                f"a content of run {self._past.id} has {content.size_bytes} bytes or is no text; "
                "it cannot stand in a draft",
                code="test.too_large",
                hint="Write the test to a file: `redrive test --from RUN --out FILE`.",
            )
        ending = "json" if is_json(media_type) else "bin"
        name = f"{self._past.run.flow}.tests/{self._past.id}-{len(self.made_files) + 1}.{ending}"
        self.made_files.append(
            MadeFile(name=name, payload=payload, exchange=exchange, size_bytes=content.size_bytes)
        )
        return {"file": name}


def _iso(micros: int) -> str:
    return instant(micros).isoformat().replace("+00:00", "Z")
