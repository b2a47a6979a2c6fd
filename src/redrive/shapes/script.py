"""Run a script of the user's on payloads or items."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, Self

from pydantic import model_validator

from redrive.errors import PayloadError, StepError
from redrive.sdk import (
    JSON,
    KEPT,
    MAX_VALUE_BYTES,
    Example,
    Field,
    Item,
    Limits,
    Out,
    Payload,
    Script,
    Session,
    Shape,
    StepContext,
    Whole,
    check_script,
    elements,
    encode,
    members,
    spell,
)
from redrive.sdk.scripting import MAX_MEMORY_MIB, MAX_TIME_S
from redrive.shapes.script_rows import Records, is_rows, table

_SETS = re.compile(r"""\bvars\s*\[\s*["']([A-Za-z_][\w-]*)["']\s*\]\s*[-+*/]?=(?!=)""", re.ASCII)
_BOM = b"\xef\xbb\xbf"
_TEXT_NAMES = ("xml", "html", "yaml", "javascript", "x-www-form-urlencoded", "graphql")


class RunScript(Shape, kind="script", version=1, group="items"):
    """Run Python of your own: `handle(payload, meta, vars)` gets a payload, or an item, and returns it anew.

    What `payload` is: the document of a JSON payload, with numbers as int or Decimal; a list of
    values for NDJSON; a list of dicts with text for CSV; text for `text/…` and XML; else bytes.
    With `per: item` it is one item of JSON, NDJSON or CSV. `handle` may take fewer arguments.

    What is returned takes its place. `None` leaves the payload or item out. What comes back equal
    to what went in keeps its bytes; a number keeps its spelling. From text or bytes, a dict or list
    makes a JSON payload. `meta` and `vars` are changed in place: `vars["last"] = payload["id"]` sets
    a flow variable for what follows, `meta["shop"] = "uk"` the meta of the payload (with `per: item`
    meta is for reading). Names of the script's own last for one payload.

    The script has no file, network, process or environment. Its clock is the run's; it cannot
    sleep. `print` writes to the step's log (the first 200 lines of each payload, 32 KiB). The Python
    of the sandbox is a subset, listed in the reference; `full: true` runs CPython with its standard
    library in a process that the kernel has locked down, and is refused where it cannot.

    In: any payload.
    Out: one payload, none where nothing is left. With `per: item` each item knows the one that it
    was made from, and memory does not grow with the payload; else each item counts as made from all.
    Errors: `script.failed` (with the line), `script.time_limit`, `script.memory_limit`,
    `script.result` (what is returned is no JSON), `payload.invalid`, `payload.too_large`
    (above 64 MiB without `per: item`), `script.refused`; none is retried. `script.process_lost` is.
    """

    code: str = Field(
        help="The script. It defines handle(payload, meta, vars).",
        min_length=1,
        examples=["def handle(payload, meta, vars):\n    return payload\n"],
    )
    per: Literal["payload", "item"] = Field(
        "payload", help="Call handle for each payload as a whole, or for each item."
    )
    time_limit: float = Field(
        10.0, gt=0, le=MAX_TIME_S, unit="s", help="Most computing time of one call of handle."
    )
    memory_limit: int = Field(
        128, ge=1, le=MAX_MEMORY_MIB, unit="MiB", help="Most memory of what the script holds at a time."
    )
    full: bool = Field(
        False, help="Real CPython in a locked-down process, where the kernel allows; refused elsewhere."
    )

    examples = (
        Example(
            "one field from others",
            {
                "per": "item",
                "code": "def handle(payload, meta, vars):\n"
                '    payload["total"] = sum(line["price"] * line["qty"] for line in payload["lines"])\n'
                "    return payload\n",
            },
            given=[b'[{"id": 1, "lines": [{"price": 9.95, "qty": 2}, {"price": 0.10, "qty": 1}]}]'],
            gives=[b'[{"id":1,"lines":[{"price":9.95,"qty":2},{"price":0.10,"qty":1}],"total":20.00}]'],
        ),
        Example(
            "items left out; the others keep their bytes",
            {
                "per": "item",
                "code": 'def handle(payload):\n    return payload if payload["total"] > 10 else None\n',
            },
            given=[b'[{"total": 10.00}, {"total":  1.2e2}]'],
            gives=[b'[{"total":  1.2e2}]'],
        ),
        Example(
            "a whole payload, and a variable",
            {
                "code": "def handle(payload, meta, vars):\n"
                '    vars["count"] = len(payload)\n'
                '    orders = sorted(payload, key=lambda order: order["id"])\n'
                '    return {"shop": meta["shop"], "orders": orders}\n',
            },
            given=[[{"id": 2}, {"id": 1}]],
            meta={"shop": "uk"},
            gives=[{"shop": "uk", "orders": [{"id": 1}, {"id": 2}]}],
            gives_variables={"count": 2},
        ),
        Example(
            "a failure of the script's own",
            {
                "per": "item",
                "code": "def handle(payload):\n"
                '    if not payload["lines"]:\n'
                '        raise ValueError("an order without lines")\n'
                "    return payload\n",
            },
            given=[[{"lines": []}]],
            fails="script.failed",
        ),
        Example(
            "a loop that does not end",
            {
                "time_limit": 0.1,
                "code": "def handle(payload):\n    while True:\n        pass\n    return payload\n",
            },
            given=[[1]],
            fails="script.time_limit",
        ),
    )

    @model_validator(mode="after")
    def _readable(self) -> Self:
        check_script(self.code, full=self.full, setting="code")
        return self

    @property
    def variables(self) -> dict[str, None]:
        """The flow variables that the script sets by name: later templates may name them."""
        return dict.fromkeys(_SETS.findall(self.code))

    @property
    def script(self) -> Script:
        limits = Limits(time_s=self.time_limit, memory_mib=self.memory_limit)
        return Script(self.code, full=self.full, limits=limits)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        async with ctx.script(self.script, payload) as session:
            if self.per == "item":
                work = _Items(payload, session)
                out = await work.out()
                if out is not None:
                    yield out
                await _left(session, payload, ctx, item=True)
                if work.left_out:
                    ctx.log.info("items left out by the script", count=work.left_out)
            else:
                out = await _whole(payload, session)
                meta = await _left(session, payload, ctx, item=False)
                if out is not None:
                    out.meta = meta
                    yield out


async def _left(session: Session, payload: Payload, ctx: StepContext, *, item: bool) -> dict[str, str] | None:
    """Variables and meta as the script leaves them; the new meta, if it changed."""
    left = await session.end()
    if left is None:
        return None
    meta, variables = left
    before = ctx.vars
    for name, value in variables.items():
        if name not in before or encode(before[name]) != encode(value):
            ctx.set_variable(name, value)
    texts = {name: spell(value) for name, value in meta.items() if value is not None}
    if texts == dict(payload.meta):
        return None
    if item:
        raise StepError(
            f"payload {payload.position}: with per: item the script cannot change meta",
            code="script.result",
            at="code",
            hint="Meta belongs to the payload: leave out per: item, or use a set_variables step.",
        )
    return texts


class _Items:
    """Calls the script for each item, in a stream."""

    def __init__(self, payload: Payload, session: Session) -> None:
        self._payload = payload
        self._session = session
        self._where = f"payload {payload.position}"
        self._rows: Records
        self.left_out = 0

    async def out(self) -> Out | None:
        """The payload to be; None where every item is left out."""
        payload = self._payload
        if payload.size_bytes and not (payload.has_json_items or is_rows(payload.media_type)):
            raise PayloadError(
                f"{self._where} is {payload.media_type}; with per: item the script reads JSON, NDJSON or CSV",
                hint="Leave out per: item to get the whole payload, or put a convert step before this one.",
            )
        chunks = payload.chunks()
        first = await anext(chunks, None)
        if first is None:
            return None
        self._rows = table(payload.media_type, (await payload.opening()).prefix)
        unchanged = True
        while True:
            results = await self._called(first)
            unchanged = unchanged and all(result is KEPT for result in results)
            items = self._written(first, results)
            following = await anext(chunks, None)
            if items or following is None:
                break
            first = following
        if following is not None:
            return Out(self._rest(items, following, chunks), like=payload, envelope=self._rows.envelope)
        if unchanged:
            return Out(content=payload.content, like=payload)
        return Out(items, like=payload, envelope=self._rows.envelope)

    async def _rest(
        self, items: list[Item], chunk: list[Item], chunks: AsyncIterator[list[Item]]
    ) -> AsyncIterator[list[Item]]:
        yield items
        yield self._written(chunk, await self._called(chunk))
        async for one in chunks:
            yield self._written(one, await self._called(one))

    async def _called(self, items: Sequence[Item]) -> list[object]:
        raws = [self._rows.read(item, self._where) for item in items]
        return list(await self._session.each(raws, where=self._where))

    def _written(self, items: Sequence[Item], results: Sequence[object]) -> list[Item]:
        written: list[Item] = []
        for item, result in zip(items, results, strict=True):
            if isinstance(result, bytes):
                where = f"{self._where}, item {item.number}"
                written.append(item.of(self._rows.write(result, where)))
            elif result is KEPT:
                written.append(self._rows.kept(item, self._where))
            else:
                self.left_out += 1
        return written


async def _whole(payload: Payload, session: Session) -> Out | None:
    """Calls the script with the payload as a whole."""
    where = f"payload {payload.position}"
    if payload.size_bytes > MAX_VALUE_BYTES:
        raise PayloadError(
            f"{where} has {payload.size_bytes} bytes; as a whole, at most {MAX_VALUE_BYTES} are possible",
            code="payload.too_large",
            hint="Set per: item, or put a flow_control step before this one.",
        )
    rows: Records | None = None
    kind: Literal["json", "text", "bytes", "empty"] = "json"
    data = (await payload.content.read()).removeprefix(_BOM)
    if not data:
        kind = "empty"
    elif is_rows(payload.media_type) or (payload.has_json_items and not payload.is_json):
        items = [item async for chunk in payload.chunks() for item in chunk]
        rows = table(payload.media_type, (await payload.opening()).prefix)
        data = b"[" + b",".join([rows.read(item, where) for item in items]) + b"]"
    elif not payload.is_json:
        kind = "text" if _is_text(payload.media_type) else "bytes"
    result = await session.whole(kind, data, where=where)
    return _out(payload, result, rows, where)


def _out(payload: Payload, result: Whole, rows: Records | None, where: str) -> Out | None:
    match result.kind:
        case "none":
            return None
        case "same":
            return Out(content=payload.content, like=payload)
        case "text" | "bytes":
            return Out(content=result.data, like=payload)
    if rows is not None:
        data = rows.document(result.data, where)
        return None if data is None else Out(content=data, like=payload)
    if not payload.is_json:
        return Out(content=result.data, like=payload, media_type=JSON, items_path="")
    items_path = payload.items_path
    value: Any = result.data
    for name in filter(None, items_path.split(".")):
        value = (members(value) or {}).get(name, b"null")
    items = elements(value)
    if items is not None:
        return Out(content=result.data, like=payload) if items else None
    return Out(content=result.data, like=payload, items_path="")


def _is_text(media_type: str) -> bool:
    name = media_type.partition(";")[0].strip().lower()
    return name.startswith("text/") or any(name.endswith(("/" + one, "+" + one)) for one in _TEXT_NAMES)
