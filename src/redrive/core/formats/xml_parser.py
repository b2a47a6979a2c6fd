"""XML from strangers: a parser that takes no entities, fetches nothing, and keeps to bounds.

Expat from the standard library; lxml would build trees and does not say where in the bytes an
element stands. Refused are: an internal document type (all its uses in attacks need one: entity
bombs, files and addresses read through entities, attributes multiplied by defaults), references
to entities that are not XML's own five, more than 256 levels, and a tag, comment or instruction of
more than 8 MiB. A document type that only names an external one (cXML has it) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn
from xml.parsers import expat

from redrive.core.formats.base import ItemsInvalid

MAX_DEPTH: Final = 256
MAX_TOKEN_BYTES: Final = 8 << 20

# One tag from < to >, where > may stand within the quotes of an attribute.
TAG: Final = re.compile(rb"<(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")


class XmlParser:
    """Feeds expat. `start(name, attributes)`, `end(name)` and `text(data)` are called by it.

    Attributes are a flat list of names and values, in document order. With `namespaces` names are
    `URI name` where they have a namespace, and declarations of namespaces are no attributes.
    """

    def __init__(
        self,
        start: Callable[[str, list[str]], Any],
        end: Callable[[str], Any],
        text: Callable[[str], Any] | None = None,
        *,
        encoding: str | None = None,
        namespaces: bool = False,
    ) -> None:
        parser = expat.ParserCreate(encoding, " " if namespaces else None)
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        if text is not None:
            parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _no_internal_subset
        parser.EntityDeclHandler = _no_entities
        parser.ExternalEntityRefHandler = _no_entities
        parser.SkippedEntityHandler = _no_reference
        self._parser = parser
        self._fed = 0

    @property
    def at(self) -> int:
        """Where the tag begins that is being told of, in bytes from the start of the document."""
        return self._parser.CurrentByteIndex

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """Errors: `ItemsInvalid`."""
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise ItemsInvalid(
                f"not XML: {expat.ErrorString(error.code)} (line {error.lineno}, column {error.offset + 1})",
                hint="Name the encoding in read.encoding of convert." if "encoding" in str(error) else None,
            ) from None
        if self._fed - max(0, self._parser.CurrentByteIndex) > MAX_TOKEN_BYTES + len(data):
            raise ItemsInvalid(f"a tag or comment of more than {MAX_TOKEN_BYTES} bytes is not accepted")


def too_deep() -> NoReturn:
    """More elements within each other than `MAX_DEPTH`."""
    raise ItemsInvalid(f"more than {MAX_DEPTH} elements within each other are not accepted")


def _no_internal_subset(_name: str, _system: str | None, _public: str | None, has_internal: int) -> None:
    if has_internal:
        raise ItemsInvalid(
            "the document declares entities or types of its own, which is not accepted",
            hint="Let the sender leave the part in [ ] of <!DOCTYPE out.",
        )


def _no_entities(*_: Any) -> int:
    raise ItemsInvalid("the document declares entities, which are not accepted")


def _no_reference(name: str, _is_parameter: int) -> None:
    raise ItemsInvalid(
        f"the entity &{name}; is not one of XML's own five",
        hint="Let the sender write the character itself, or as &#233;.",
    )
