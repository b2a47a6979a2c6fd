"""What of a flow's data the one who acts may see: everything reads through this on its way to people."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final

from redrive.core.jsonvalue import decode
from redrive.core.masking import HIDDEN, Mask, MaskRule, address, masker
from redrive.errors import Forbidden
from redrive.service.actors import forbidden
from redrive.service.kernel import Kernel
from redrive.store import masks as store
from redrive.store.masks import MaskRow

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
