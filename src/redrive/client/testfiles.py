"""The files that the tests of documents name, read from beside them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redrive.documents.add_test import with_test
from redrive.documents.flow_tests import FlowTestForm
from redrive.documents.load import load_one, read_text
from redrive.errors import NotFound, UsageError
from redrive.service.flowtest_views import MadeTest
from redrive.service.interface import Document


def place_of(document: str, name: str) -> str:
    """How a file that a test names is called among those that are given."""
    return posixpath.join(posixpath.dirname(document.replace("\\", "/")), name)


def read_files(documents: Sequence[Document]) -> dict[str, bytes]:
    """Errors: `file.unknown`, `file.outside` for one that is not below the document's folder."""
    found: dict[str, bytes] = {}
    for filename, text in documents:
        for document in read_text(text.decode(errors="replace"), filename).documents:
            tests: Any = document.data.get("tests") if document.kind == "flow" else None
            for data in tests if isinstance(tests, list) else ():
                for name in _named(data):
                    found[place_of(filename, name)] = _read(Path(filename), name)
    return found


def into_file(text: str, filename: str, made: MadeTest) -> str:
    """The text of a file with documents, with the made test in the one of its flow.

    Errors: `document.invalid`; `flow.unknown` where the file does not hold that flow.
    """
    test = load_one(made.document, filename).data["tests"][-1]
    for document in read_text(text, filename).checked():
        if document.kind == "flow" and document.name == made.flow:
            end = document.start + len(document.text)
            return text[: document.start] + with_test(document, test) + text[end:]
    raise NotFound(
        f"{filename} does not hold the flow {made.flow}",
        code="flow.unknown",
        at=filename,
        hint="Name a new file, or the one that holds the flow.",
    )


def _named(data: Any) -> Sequence[str]:
    try:
        return [*FlowTestForm.model_validate(data).files()]
    except ValueError:
        return []  # what is wrong with it is told, with its line, when the document is checked


def _read(document: Path, name: str) -> bytes:
    folder = document.parent.resolve()
    file = (folder / name).resolve()
    if not file.is_relative_to(folder):
        raise UsageError(
            f"a test of {document} names the file {name!r}, which is not below its folder",
            code="file.outside",
            at=name,
            hint="Put the file beside the document.",
        )
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(
            f"a test of {document} names the file {name!r}, which cannot be read: {error.strerror}",
            code="file.unknown",
            at=name,
        ) from None
