"""One shape alone, on stored payloads or values: on a bench, without recording a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.core.flow import Flow
from redrive.core.ids import from_text
from redrive.core.jsonvalue import encode
from redrive.core.run import PayloadRow
from redrive.documents.flow_document import build_steps, parse_flow
from redrive.documents.flow_parts import part_of, step_alone
from redrive.documents.flow_tests import ExchangeForm, GivenForm
from redrive.documents.load import load_one
from redrive.documents.variables import variables_set
from redrive.engine.clock import instant
from redrive.errors import NotFound, StateConflict, UsageError
from redrive.sdk.exchange import Request
from redrive.service.bench import Bench, Benches
from redrive.service.chosen import choose
from redrive.service.flowtest_views import TrialPayload, TrialRequest, TrialSent, TrialView
from redrive.service.kernel import Kernel, unknown
from redrive.service.playback import Answers, of_test
from redrive.service.surroundings import quiet, sends_of, surroundings
from redrive.service.views import RunView
from redrive.store import runs as store

STEP = "trial"
MOST_SHOWN = 100
SHOWN_BYTES = 64 << 10


async def trial(kernel: Kernel, benches: Benches, request: TrialRequest) -> TrialView:
    """Errors: `shape.unknown`, `step.unknown`, `flow.unknown`, `payload.unknown`, `document.invalid`,
    `trial.effects` for a shape that would reach out by other ways than a connection.
    """
    registry = kernel.registry
    if (request.shape is None) == (request.step is None):
        raise UsageError("one of `shape` and `step` is needed", at="shape")
    if request.step is not None:
        document, variables, step = await _of_flow(kernel, request)
    else:
        assert request.shape is not None
        registry.shape(request.shape)
        if clash := sorted(request.settings.keys() & {"id", "shape"}):
            raise UsageError(f"{', '.join(clash)} are not settings of a shape", at=f"settings.{clash[0]}")
        step = STEP
        document = {
            "flow": STEP,
            "steps": [{"id": STEP, "shape": request.shape, **request.settings}],
        }
        document = part_of(document, registry, variables=request.variables)
        variables = request.variables
    name = str(document["flow"])
    flow = parse_flow(load_one(encode(document).decode(), "trial.json"), registry)
    shape = flow.step(step).shape
    if quiet(flow, registry):
        raise StateConflict(
            f"a {shape} step reaches out, and nothing leaves the machine in a trial",
            code="trial.effects",
            hint="Run the flow, or a step without effects.",
        )
    found = await kernel.deps.reader.run(lambda rows: surroundings(rows, flow, registry))
    exchanges = [ExchangeForm.model_validate(one) for one in request.exchanges]
    recorded = {step: [of_test(one, _no_file) for one in exchanges]} if exchanges else {}
    answers = Answers(recorded, sends_of(flow, found))
    clock = request.clock or instant(kernel.deps.clock.micros())
    async with benches.open(answers, clock) as bench:
        await bench.take([*found.documents(), ("trial.json", encode(document))])
        await bench.furnish(kernel, found.others.get("lookups", ()))
        payloads = [await _copied(kernel, bench, one) for one in request.payloads]
        payloads += [
            await bench.give(GivenForm.model_validate({"json": value}), _no_file) for value in request.values
        ]
        run = await bench.run(name, clock=clock, payloads=payloads, variables=variables)
        return await _view(bench, run, step, shape, answers.asked.get(step, []))


async def _of_flow(kernel: Kernel, request: TrialRequest) -> tuple[dict[str, Any], Mapping[str, Any], str]:
    if request.flow is None:
        raise UsageError("`step` needs `flow`: the flow that it stands in", at="flow")
    if request.settings:
        raise UsageError("the settings are those of the step; `settings` goes with `shape`", at="settings")
    assert request.step is not None
    chosen = await choose(kernel, request.flow, request.version)
    data = load_one(chosen.text.decode(), chosen.file).data
    flow: Flow = chosen.built(kernel).flow
    alone = {**data, "steps": [step_alone(data, request.step, kernel.registry)]}
    alone["steps"][0].pop("skip", None)
    values = dict(request.variables)
    for shape in build_steps(flow, kernel.registry).values():
        values |= dict.fromkeys(variables_set(shape) - values.keys())
    return part_of(alone, kernel.registry, variables=values), values, request.step


def _no_file(name: str) -> bytes:
    raise NotFound(f"a trial has no file {name!r}", code="file.unknown", at=name)


async def _copied(kernel: Kernel, bench: Bench, text: str) -> str:
    number = from_text("p", text)

    def read(rows: Any) -> PayloadRow | None:
        row = rows.one(store.GET_PAYLOAD, payload_id=number)
        return store.payload_record(row) if row is not None else None

    payload = await kernel.deps.reader.run(read) if number is not None else None
    if payload is None:
        raise unknown("payload", text)
    return await bench.copy(payload, kernel.deps.contents.known(payload.digest, payload.size_bytes))


async def _view(bench: Bench, run: RunView, step: str, shape: str, asked: list[Request]) -> TrialView:
    one = next(found for found in run.steps if found.step == step)
    payloads = []
    page = await bench.service.runs.payloads(run.id, step, "out", limit=MOST_SHOWN)
    for view in page.items:
        detail = await bench.service.payloads.get(view.id)
        payloads.append(
            TrialPayload(
                items=view.items,
                size_bytes=view.size_bytes,
                media_type=view.media_type,
                meta=view.meta,
                text=detail.text,
                trimmed=detail.trimmed,
            )
        )
    logs = await bench.service.runs.logs(run.id, limit=500)
    return TrialView(
        shape=shape,
        status=one.status,
        payloads=payloads,
        payloads_out=one.counts.get("payloads_out", 0),
        items_out=one.counts.get("items_out", 0),
        failed=one.counts.get("failed_payloads", 0),
        error=one.error,
        logs=list(logs.items),
        sent=[await _sent(request) for request in asked[:MOST_SHOWN]],
    )


async def _sent(request: Request) -> TrialSent:
    body, size = None, 0
    if request.body is not None:
        size = request.body.size_bytes
        body = (await request.body.read(0, SHOWN_BYTES)).decode(errors="replace")
    return TrialSent(method=request.method, url=request.url, body=body, size_bytes=size)
