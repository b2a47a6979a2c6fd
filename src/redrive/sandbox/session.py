"""One session of a script: payloads and values go in, results come out, checked."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from redrive.core.jsonvalue import decode, encode
from redrive.errors import PayloadError, StepError
from redrive.sandbox.failures import Raised, result_error, step_error, trimmed
from redrive.sandbox.interpreter import Interpreter
from redrive.sandbox.prelude import NUMBER, SOURCE
from redrive.sandbox.printed import Printed
from redrive.sandbox.script import Script, arity

MAX_RESULT_BYTES: Final = 256 << 20
MOST_ITEMS: Final = 4096
# Items are handed over in groups that take about this long.
GROUP_S: Final = 0.05

_READ_ERRORS = ("JSONDecodeError", "ValueError", "RecursionError", "UnicodeDecodeError")
_EXPONENT = re.compile(rb"[0-9][eE][-+0-9]")
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class _Kept:
    def __repr__(self) -> str:
        return "KEPT"


KEPT: Final = _Kept()
"""What came back is what went in: the bytes of the item stay as they are."""


class Whole(msgspec.Struct, frozen=True):
    """What became of a whole payload. `data`: JSON, the text or the bytes."""

    kind: Literal["same", "none", "json", "text", "bytes"]
    data: bytes = b""


class Session:
    """Calls the script's function. State that the script keeps lasts as long as the session.

    `printed` is told each line that the script prints, `failed` the text of an exception: both are
    for the step's log.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        script: Script,
        out: Printed,
        *,
        printed: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._interpreter = interpreter
        self._script = script
        self._out = out
        self._printed = printed
        self._failed = failed
        # Only this session knows how a Decimal is marked, so no text of a payload is taken for one.
        self._mark = secrets.token_hex(12)
        self._number = re.compile(b'"' + self._mark.encode() + NUMBER + b'"')
        self._count = arity(script.source, script.function, 3)
        self._group = 1
        self._first = 0
        self._noun = "item"

    async def begin(self, meta: Mapping[str, str], variables: Mapping[str, Any]) -> None:
        """Loads the script. Errors: `script.failed` (its top level fails), and those of its limits."""
        await self._feed(SOURCE, {})
        try:
            await self._interpreter.feed(self._script.source, file=True)
        except Raised as raised:
            raise self._error(raised, "at its beginning") from None
        finally:
            self._flush()
        await self._feed(
            "__redrive_begin(__redrive_meta, __redrive_variables, __redrive_mark)",
            {
                "__redrive_meta": encode(dict(meta)).decode(),
                "__redrive_variables": encode(dict(variables)).decode(),
                "__redrive_mark": self._mark,
            },
        )

    async def run(self, arguments: Sequence[Any]) -> Any:
        """Calls the function with these JSON values; its result as a JSON value.

        Errors: `script.failed`, `script.result`, `script.time_limit`, `script.memory_limit`.
        """
        text = encode(list(arguments))
        code = f"__redrive_run(__redrive_in, __redrive_exact, {self._script.function}, __redrive_mark)"
        result = await self._guarded(
            code,
            {"__redrive_in": text.decode(), "__redrive_exact": _EXPONENT.search(text) is not None},
            "the call",
        )
        return decode(self._json(result, "the call"))

    async def whole(
        self, kind: Literal["json", "text", "bytes", "empty"], given: bytes, *, where: str
    ) -> Whole:
        """Calls the function with a whole payload. Errors: as `run`; `payload.invalid`."""
        value: Any = None if kind == "empty" else given if kind == "bytes" else _text(given, where)
        code = (
            f"__redrive_whole(__redrive_kind, __redrive_in, __redrive_exact, {self._script.function}, "
            f"{self._count}, __redrive_mark)"
        )
        inputs = {
            "__redrive_kind": kind,
            "__redrive_in": value,
            "__redrive_exact": kind == "json" and _EXPONENT.search(given) is not None,
        }
        result = await self._guarded(code, inputs, where)
        match result:
            case ["same" | "none" as outcome, None]:
                return Whole(outcome)
            case ["json", str() as text]:
                return Whole("json", self._json(text, where))
            case ["text", str() as text]:
                return Whole("text", text.encode("utf-8", "replace"))
            case ["bytes", bytes() as data]:
                return Whole("bytes", data)
        raise self._tampered(where)

    async def each(
        self, raws: Sequence[bytes], *, where: str, noun: str = "item"
    ) -> list[bytes | _Kept | None]:
        """Calls the function with each item in turn. For each its JSON, None (left out) or `KEPT`.

        Items count on from the last call. Errors: as `run`; `payload.invalid`.
        """
        self._noun = noun
        results: list[bytes | _Kept | None] = []
        while len(results) < len(raws):
            size = self._group if self._interpreter.rewinds else 1
            group = raws[len(results) : len(results) + size]
            began = time.perf_counter()
            results += await self._several(group, where)
            took = time.perf_counter() - began
            if took < GROUP_S / 2:
                self._group = min(self._group * 2, MOST_ITEMS)
            elif took > GROUP_S * 2:
                self._group = max(self._group // 2, 1)
        return results

    async def end(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Meta and variables as the script leaves them; None where it changed neither."""
        if self._count < 2:
            return None
        result = await self._guarded("__redrive_end(__redrive_mark)", {}, "its meta and vars")
        if result is None:
            return None
        value = decode(self._json(result, "its meta and vars"))
        match value:
            case [dict() as meta, dict() as variables]:
                return meta, variables
        raise StepError(
            "the script puts something else in the place of meta or vars",
            code="script.result",
            at="code",
            hint="Change them in place: vars['name'] = value.",
        )

    async def _several(self, raws: Sequence[bytes], where: str) -> list[bytes | _Kept | None]:
        """A group of items; where the group's time is over, once more one by one."""
        state = await self._interpreter.mark() if len(raws) > 1 else b""
        try:
            return await self._items(raws, where)
        except Raised as raised:
            if raised.kind != "time" or len(raws) == 1:
                raise await self._item_error(raised, where) from None
        await self._interpreter.rewind(state)
        results: list[bytes | _Kept | None] = []
        for raw in raws:
            try:
                results += await self._items([raw], where)
            except Raised as raised:
                raise await self._item_error(raised, where) from None
        self._group = 1
        return results

    async def _items(self, raws: Sequence[bytes], where: str) -> list[bytes | _Kept | None]:
        code = (
            f"__redrive_each(__redrive_in, {self._first}, __redrive_exact, {self._script.function}, "
            f"{self._count}, __redrive_mark)"
        )
        texts = [_text(raw, f"{where}, {self._noun} {self._first + n}") for n, raw in enumerate(raws)]
        exact = any(_EXPONENT.search(raw) for raw in raws)
        outs = await self._feed(code, {"__redrive_in": texts, "__redrive_exact": exact})
        if not isinstance(outs, list) or len(outs) != len(raws):
            raise self._tampered(where)
        written = iter(self._split([out for out in outs if isinstance(out, str)], where))
        results: list[bytes | _Kept | None] = []
        for out in outs:
            if out is None:
                results.append(None)
            elif out is True:
                results.append(KEPT)
            elif isinstance(out, str):
                results.append(next(written))
            else:
                raise self._tampered(where)
        self._first += len(raws)
        return results

    def _split(self, texts: list[str], where: str) -> list[bytes]:
        """The JSON of each text: checked together, and each is one value."""
        if not texts:
            return []
        data = self._unmarked(("[" + ",".join(texts) + "]").encode("utf-8", "replace"))
        try:
            raws = _RAW_LIST.decode(data)
        except (msgspec.DecodeError, RecursionError):
            raise self._tampered(where) from None
        if len(raws) != len(texts):
            raise self._tampered(where)
        return [bytes(raw) for raw in raws]

    def _json(self, text: Any, where: str) -> bytes:
        if not isinstance(text, str):
            raise self._tampered(where)
        return self._split([text], where)[0]

    def _unmarked(self, data: bytes) -> bytes:
        if len(data) > MAX_RESULT_BYTES:
            raise StepError(
                f"the script returns {len(data)} bytes; at most {MAX_RESULT_BYTES} are possible",
                code="script.result",
                at="code",
                hint="Work on single items (per: item).",
            )
        return self._number.sub(rb"\1", data) if self._mark.encode() in data else data

    async def _feed(self, code: str, inputs: dict[str, Any]) -> Any:
        """Errors: `Raised`."""
        try:
            return await self._interpreter.feed(code, {**inputs, "__redrive_mark": self._mark})
        finally:
            self._flush()

    async def _guarded(self, code: str, inputs: dict[str, Any], where: str) -> Any:
        try:
            return await self._feed(code, inputs)
        except Raised as raised:
            stage = (await self._place(raised))[1]
            raise self._staged(raised, stage, where) from None

    async def _item_error(self, raised: Raised, where: str) -> StepError:
        number, stage = await self._place(raised)
        return self._staged(raised, stage, f"{where}, {self._noun} {number}")

    async def _place(self, raised: Raised) -> tuple[int, str]:
        """Where a session stood when it failed: the item and what was being done."""
        if raised.kind in ("time", "died"):
            return self._first, "call"
        try:
            match await self._feed("__redrive_at", {}):
                case [int() as number, str() as stage]:
                    return number, stage
        except Raised:
            pass
        return self._first, "call"

    def _staged(self, raised: Raised, stage: str, where: str) -> StepError:
        if raised.kind != "raised" or stage == "call":
            return self._error(raised, where)
        if stage == "read":
            if not raised.type_name.endswith(_READ_ERRORS):
                return self._tampered(where)
            return PayloadError(
                f"{where} cannot be read as JSON by the script ({trimmed(raised.message)})",
                at="code",
                hint="Numbers may have 4,300 digits, values be nested 200 deep, and text be valid Unicode.",
            )
        self._failed(trimmed(f"{raised.type_name}: {raised.message}"))
        return result_error(raised, where)

    def _error(self, raised: Raised, where: str) -> StepError:
        if raised.line is not None:
            raised.line = max(raised.line - self._script.lines_before, 1)
        if raised.kind in ("raised", "syntax"):
            line = f" (line {raised.line})" if raised.line else ""
            self._failed(trimmed(f"{raised.type_name}: {raised.message}") + line)
        return step_error(raised, self._script.limits, where)

    def _tampered(self, where: str) -> StepError:
        return StepError(
            f"{where}: what comes out of the script's session cannot be understood",
            code="script.result",
            at="code",
            hint="Leave names that begin with __redrive alone.",
        )

    def _flush(self, *, ended: bool = False) -> None:
        for line in self._out.lines(ended=ended):
            self._printed(line)

    def close(self) -> None:
        """Hands over what was printed without a line end."""
        self._flush(ended=True)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PayloadError(
            f"{where}: it is not UTF-8 at byte {error.start}", hint="Convert it before this step."
        ) from None
