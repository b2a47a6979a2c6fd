"""The verb shapes: what steps can be, and one of them tried on a payload without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from redrive.cli.inputs import Form, payload_ids
from redrive.cli.options import PayloadSources, Variables, pairs
from redrive.cli.output import Output, size, visible
from redrive.cli.session import Injected
from redrive.client.records import TrialRequest, TrialView
from redrive.core.counting import counted
from redrive.core.jsonvalue import decode
from redrive.errors import UsageError

app = App(name="shapes", help="List and show shapes, and try one on a payload.")


@app.default
@app.command(name="list")
async def list_(*, session: Injected) -> None:
    """List the shapes that steps can have, of Redrive and of installed packages."""
    async with session.connect() as client:
        page = await client.flows.shapes()
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("shape", "group", "package", "does"),
        [(one.shape, one.group, one.package, one.summary) for one in page.items],
        empty="No shapes.",
    )


@app.command
async def show(shape: Annotated[str, Parameter(help="Name of the shape.")], /, *, session: Injected) -> None:
    """Show a shape: what it does, its settings, examples."""
    async with session.connect() as client:
        found = await client.flows.shape(shape)
    if session.json:
        session.output.view(found)
        return
    output = session.output
    output.facts([("shape", found.shape), ("group", found.group), ("package", found.package)])
    output.text()
    output.text(visible(found.help, lines=True))
    output.text()
    required = found.settings_schema.get("required", [])
    output.table(
        ("setting", "default", "means"),
        [
            (name, "required" if name in required else one.get("default"), one.get("description", ""))
            for name, one in found.settings_schema.get("properties", {}).items()
        ],
        empty="It has no settings.",
    )


@app.command
async def run(
    shape: Annotated[str | None, Parameter(help="Name of the shape.")] = None,
    /,
    *,
    settings: Annotated[str | None, Parameter(help="Its settings as JSON, or @FILE.")] = None,
    flow: Annotated[str | None, Parameter(help="Instead: a flow of the home, with --step.")] = None,
    step: Annotated[str | None, Parameter(help="The step of the flow.")] = None,
    version: Annotated[str | None, Parameter(help="draft, deployed or a number.")] = None,
    payload: PayloadSources = None,
    media_type: Annotated[str | None, Parameter(help="What the files are.")] = None,
    items_at: Annotated[str | None, Parameter(help="Path of the items in the files.")] = None,
    var: Variables = None,
    session: Injected,
) -> int:
    """Run one shape, or one step of a flow, on payloads. No run is recorded and nothing is sent.

    Exit code 1 where the shape fails.
    """
    if (shape is None) == (step is None):
        raise UsageError("Name a shape, or --flow and --step", at="shape")
    if shape is not None and (flow is not None or version is not None):
        raise UsageError("--flow and --version go with --step", at="--flow")
    async with session.connect() as client:
        ids = await payload_ids(session, client, payload, Form(media_type=media_type, items_path=items_at))
        request = TrialRequest(
            shape=shape,
            settings=_settings(settings),
            flow=flow,
            step=step,
            version=version,
            payloads=ids,
            variables=dict(pairs("--var", var)),
        )
        done = await client.tests.trial(request)
    if session.json:
        session.output.view(done)
    else:
        _print(session.output, done)
    return 0 if done.status in {"success", "skipped"} else 1


def _settings(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    if text.startswith("@"):
        try:
            data = Path(text[1:]).read_bytes()
        except OSError as error:
            raise UsageError(
                f"The file {text[1:]} cannot be read: {error.strerror}",
                code="file.unreadable",
                at="--settings",
            ) from None
    else:
        data = text.encode()
    try:
        value = decode(data)
    except ValueError as error:
        raise UsageError(f"--settings is not JSON: {error}", at="--settings") from None
    if not isinstance(value, dict):
        raise UsageError("--settings: expected a JSON object", at="--settings")
    return value


def _print(output: Output, done: TrialView) -> None:
    for line in done.logs:
        output.note(f"{line.level}: {visible(line.message)}")
    for number, payload in enumerate(done.payloads):
        items = "- items" if payload.items is None else counted(payload.items, "item")
        output.note(f"payload {number}: {visible(payload.media_type)}, {items}, {size(payload.size_bytes)}")
        output.text(visible(payload.text, lines=True) if payload.text is not None else "(not text)")
    if done.payloads_out > len(done.payloads):
        output.note(f"{counted(done.payloads_out - len(done.payloads), 'more payload')}")
    for sent in done.sent:
        output.note(f"would send: {visible(sent.method)} {visible(sent.url)}, {size(sent.size_bytes)}")
    if done.error is not None:
        output.text(f"{visible(done.shape)} fails: {visible(done.error.detail)} ({done.error.code})")
        if done.error.hint:
            output.text(f"  hint: {visible(done.error.hint)}")
    elif not done.payloads:
        output.note("It puts nothing out.")
