"""Scripts in real runs: what they print, set and fail with, and what a redrive sees of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from redrive.client import connect
from redrive.client.records import RedriveRequest, StartRequest

FLOW = """\
flow: counting
variables:
  seen: {type: integer, default: 0}
steps:
  - id: mine
    shape: script
    per: item
    code: |
      from datetime import datetime
      def handle(item, meta, vars):
          vars["seen"] = vars["seen"] + 1
          if item["id"] == 2:
              raise ValueError("two is not wanted")
          print(datetime.now().isoformat())
          return {"id": item["id"], "seen": vars["seen"]}
  - {id: last, shape: set_variables, meta: {seen: "{{ vars.seen }}"}}
"""


async def test_what_a_script_leaves_behind_in_a_run(tmp_path: Path) -> None:
    async def upload(text: bytes) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield text

        return (await client.payloads.upload(chunks(), filename="items.json")).id

    async with connect(home=tmp_path) as client:
        request = StartRequest(
            payloads=[await upload(b'[{"id": 1}]'), await upload(b'[{"id": 1}, {"id": 2}]')]
        )
        first = await client.runs.start_document(FLOW.encode(), "counting.yaml", request)
        await client.finish(first.id)
        run = await client.runs.get(first.id)
        assert run.status == "failure"
        mine = run.steps[0]
        assert mine.error is not None
        assert (mine.error.code, mine.error.detail) == (
            "script.failed",
            "payload 1, item 1: the script fails in line 5 with ValueError: two is not wanted",
        )
        assert [len(mine.payloads_out), len(mine.failed_payloads)] == [1, 1]
        lines = [line.message for line in (await client.runs.logs(run.id)).items if line.step == "mine"]
        clock = run.clock.replace(tzinfo=None).isoformat()
        assert lines[:2] == [clock, clock]
        assert "ValueError: two is not wanted (line 5)" in lines

        # Its clock stays that of the source, and what the failed payload had set never was.
        edited = await upload(b'[{"id": 3}]')
        wanted = RedriveRequest(at="mine", payloads=[edited], confirm=True)
        again = await client.redrives.redrive(run.id, wanted)
        await client.finish(again.id)
        run = await client.runs.get(again.id)
        assert run.status == "success"
        assert [payload.meta["seen"] for payload in run.steps[1].payloads_out] == ["1"]
        lines = [line.message for line in (await client.runs.logs(run.id)).items if line.step == "mine"]
        assert lines == [clock]
