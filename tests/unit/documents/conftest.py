"""What the tests of documents share."""

from __future__ import annotations

import pytest

from redrive.core.flow import Flow
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.errors import FlowInvalid, Problem
from redrive.registry import Registry
from tests.unit.documents import document_shapes


@pytest.fixture(scope="session")
def registry() -> Registry:
    return document_shapes.registry()


@pytest.fixture
def flow_of(registry):
    def parse(text: str) -> Flow:
        return parse_flow(load_one(text, "flow.yaml"), registry)

    return parse


@pytest.fixture
def problems_of(flow_of):
    def parse(text: str) -> list[Problem]:
        with pytest.raises(FlowInvalid) as caught:
            flow_of(text)
        return caught.value.problems

    return parse
