"""What every shape promises, and what this one does."""

import asyncio

from acme_shapes.sample import Sample

from redrive.sdk.suite import shape_suite
from redrive.sdk.testing import run_shape

TestSample = shape_suite(Sample)


def test_items_are_counted_through_the_whole_payload():
    result = asyncio.run(run_shape(Sample(every=2), [list(range(10_000))]))
    assert result.values == [list(range(0, 10_000, 2))]
    assert result.payloads[0].lineage[1] == [(0, 2)]
