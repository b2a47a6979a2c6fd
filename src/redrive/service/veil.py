"""What of a flow's data the one who acts may see: everything reads through this on its way to people."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import partial
from typing import Any, Final

from redrive.core.ids import from_text
from redrive.core.jsonvalue import decode
from redrive.core.masking import HIDDEN, Mask, MaskRule, address, masker
from redrive.core.paths import Path
from redrive.core.run import PayloadRow
from redrive.core.selection import Selection
from redrive.errors import Forbidden
from redrive.service.actors import forbidden
from redrive.service.kernel import Kernel
from redrive.store import masks as store
from redrive.store import payloads
from redrive.store.database import Rows
from redrive.store.masks import MaskRow
from redrive.store.runlog import names_of_runs

_KNOWN_S: Final = 1.0
_PIECE: Final = 64 * 1024
"""Bytes that are masked in one go: others have their turn in between."""

MASKS: Final = "masks"
_NAMES: Final = re.compile(r"""[^.\[\]$*"']+""")


class Veil:
    """Rules that hold for what is looked at. `mask` None: everything may be seen; `revealed`: although there
    are rules.
    """

    __slots__ = ("mask", "revealed")

    def __init__(self, mask: Mask | None, *, revealed: bool = False) -> None:
        self.mask = mask
        self.revealed = revealed

    def content(self, data: bytes, media_type: str, items_path: str = "", *, cut: bool = False) -> bytes:
        """A whole content, or with an items path one of its items; `cut`: the beginning of one."""
        if self.mask is None:
            return data
        reading = masker(self.mask, media_type, items_path)
        shown = reading.feed(data)
        return shown if cut else shown + reading.close()

    async def stream(
        self, chunks: AsyncIterator[bytes], media_type: str, items_path: str = ""
    ) -> AsyncGenerator[bytes]:
        """A whole content in pieces."""
        if self.mask is None:
            async for chunk in chunks:
                yield chunk
            return
        reading = masker(self.mask, media_type, items_path)
        async for chunk in chunks:
            for at in range(0, len(chunk), _PIECE):
                if piece := reading.feed(bytes(chunk[at : at + _PIECE])):
                    yield piece
                await asyncio.sleep(0)
        if last := reading.close():
            yield last

    def value(self, value: Any) -> Any:
        """A JSON value, such as the variables of a run."""
        return value if self.mask is None else self.mask.value(value)

    def text(self, text: str) -> str:
        """A message that people read."""
        return text if self.mask is None else self.mask.prose(text)

    def hides(self, field: str) -> bool:
        """Whether a field, known by its path, is hidden."""
        if self.mask is None:
            return False
        return self.mask.hides([name for name in _NAMES.findall(field) if not name.isdigit()])

    def tells(self, path: Path, items_path: str = "") -> bool:
        """Whether the values at a path, relative to the items at `items_path`, may be seen."""
        if self.mask is None:
            return True
        if path.segments is None or not path.single:
            return False
        names = [name for name in _NAMES.findall(items_path) if not name.isdigit()]
        for name in path.segments:
            if isinstance(name, str):
                names.append(name.removeprefix("@").rpartition(":")[2])  # an attribute of XML; its prefix
                if self.mask.hides(names):
                    return False
        return True

    def field(self, name: str, value: str) -> str:
        """The value of a field that is known by its path."""
        if self.mask is None:
            return value
        return HIDDEN if self.hides(name) else self.mask.text(value)

    def address(self, url: str) -> str:
        return url if self.mask is None else address(url, self.mask)

    def headers(self, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(name, self.field(name, value)) for name, value in headers]


async def veil(kernel: Kernel, flow: str | None) -> Veil:
    """For data of a flow; None: it is not known of which, so the rules of all hold."""
    rules = [rule for of, rule in await _rules(kernel) if of is None or flow is None or of == flow]
    if not rules:
        return Veil(None)
    if kernel.acting.may("reveal"):
        return Veil(None, revealed=True)
    return Veil(Mask(rules))


async def any_rules(kernel: Kernel) -> bool:
    return bool(await _rules(kernel))


async def rules_of_flows(kernel: Kernel) -> set[str]:
    """Flows with rules of their own."""
    return {flow for flow, _ in await _rules(kernel) if flow is not None}


async def require_reveal(kernel: Kernel, flow: str | None, what: str) -> None:
    """Errors: `payload.masked` where rules hide something of it from who acts."""
    if (await veil(kernel, flow)).mask is not None:
        error = forbidden(kernel.acting, "reveal")
        raise Forbidden(
            f"{what} needs the right `reveal`: masking rules hide parts of the data",
            code="payload.masked",
            hint=error.hint,
        )


def require_seen(over: Veil, selection: Selection, items_path: str = "") -> None:
    """Errors: `payload.masked` where a choice of items would tell what rules hide."""
    for term in selection.terms:
        if not over.tells(term.path, items_path) or any(over.text(one) != one for one in term.values):
            raise Forbidden(
                f"to choose items by {term.path.text} needs the right `reveal`: masking rules hide it",
                code="payload.masked",
                hint="Choose by a field that is not hidden, or by number: #0,3:5.",
            )


async def require_reveal_of_payloads(kernel: Kernel, given: Sequence[str], flow: str | None) -> None:
    """Payloads that are to run in a flow (None: in a document that is not stored, whose steps may show
    them in other words).

    Errors: `payload.masked` where rules hide of them, from who acts, what the rules of that flow would show.
    """
    if not (await _rules(kernel)) or kernel.acting.may("reveal"):
        return
    for text in given:
        of = await kernel.deps.reader.run(partial(flow_of, payload_id=text))
        if of is None or of == flow:
            continue
        if flow is None or of in await rules_of_flows(kernel):
            await require_reveal(kernel, of, f"to start with payload {text} of flow {of}")


def flow_of(rows: Rows, payload_id: str) -> str | None:
    """The flow in whose run a payload stands; None: in none, or there is no such payload."""
    number = from_text("p", payload_id)
    payload = payloads.get_payload(rows, number) if number is not None else None
    return of_payload(rows, payload) if payload is not None else None


def of_payload(rows: Rows, payload: PayloadRow) -> str | None:
    """As `flow_of`."""
    place = payloads.place_of(rows, payload)
    if place is None or place.run_id == payloads.UPLOAD:
        return None
    return names_of_runs(rows, [place.run_id]).get(place.run_id, (None, 0))[0]


async def _rules(kernel: Kernel) -> list[tuple[str | None, MaskRule]]:
    """Read again after a second: another process may have changed them."""
    known = kernel.known.get(MASKS)
    if known is not None and known[1] > time.monotonic():
        found: list[tuple[str | None, MaskRule]] = known[0]
        return found
    rows = await kernel.deps.reader.run(store.masks)
    rules = [(row.flow, rule_of(row)) for row in rows]
    kernel.known[MASKS] = rules, time.monotonic() + _KNOWN_S
    return rules


def rule_of(row: MaskRow) -> MaskRule:
    return MaskRule(tuple(decode(row.fields)), row.pattern)
