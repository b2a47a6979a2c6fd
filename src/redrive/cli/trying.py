"""Trying an endpoint: one call, its exchange shown, nothing kept."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from redrive.cli.inputs import Form, payload_ids
from redrive.cli.options import pairs
from redrive.cli.output import Output, size, visible
from redrive.cli.session import Injected
from redrive.client.records import TriedBody, TriedExchange, TriedPayload, TryRequest, TryView
from redrive.core.counting import counted
from redrive.core.jsonvalue import decode
from redrive.errors import StateConflict


async def try_(
    connection: Annotated[str, Parameter(help="Name of the connection.")],
    endpoint: Annotated[str, Parameter(help="Name of the endpoint.")],
    /,
    *,
    with_: Annotated[
        list[str] | None,
        Parameter(
            name="--with", help="k=v: a parameter of the endpoint; JSON where v parses; may be repeated."
        ),
    ] = None,
    payload: Annotated[
        str | None, Parameter(help="What is sent: a file, - for stdin, or the id of a payload.")
    ] = None,
    sample: Annotated[bool, Parameter(help="Send the sample of the connector document.")] = False,
    media_type: Annotated[str | None, Parameter(help="What the file is.")] = None,
    page: Annotated[
        int, Parameter(help="Which page of a receive is shown; those before it are asked for.")
    ] = 1,
    yes: Annotated[bool, Parameter(help="Do not ask before a send.")] = False,
    session: Injected,
) -> int:
    """Call one endpoint and show the exchange, secrets masked. Nothing is kept.

    An endpoint that sends really sends, and keeps no delivery: a later run may send the same again.
    Exit code 1 where the call fails.
    """
    parameters = {name: _value(text) for name, text in pairs("--with", with_, "k=v").items()}
    output = session.output
    async with session.connect() as client:
        sources = [payload] if payload is not None else None
        ids = await payload_ids(session, client, sources, Form(media_type=media_type))

        def request(*, confirm: bool) -> TryRequest:
            return TryRequest.model_validate(
                {
                    "endpoint": endpoint,
                    "with": parameters,
                    "payload": ids[0] if ids else None,
                    "sample": sample,
                    "media_type": media_type,
                    "page": page,
                    "confirm": confirm,
                }
            )

        try:
            done = await client.connectors.try_endpoint(connection, request(confirm=yes))
        except StateConflict as wants:
            if wants.code != "try.confirm" or not output.may_ask:
                raise
            if not output.ask(f"{wants.detail}. Send?"):
                raise
            done = await client.connectors.try_endpoint(connection, request(confirm=True))
    if session.json:
        output.view(done)
    else:
        _print(output, done)
    return 0 if done.success else 1


def _value(text: str) -> Any:
    """A number, true, a list …; what is no JSON is a text."""
    try:
        return decode(text)
    except ValueError:
        return text


def _print(output: Output, done: TryView) -> None:
    if done.exchanges_left_out:
        output.note(f"{done.exchanges_left_out} exchanges before these are left out")
    for exchange in done.exchanges:
        _print_exchange(output, exchange)
    for line in done.logs:
        output.note(visible(line))
    if done.payload is not None:
        _print_payload(output, done, done.payload)
    elif done.error is None:
        output.text("It puts nothing out.")
    if done.error is not None:
        output.text(f"{visible(done.endpoint)} fails: {visible(done.error.detail)} ({done.error.code})")
        if done.error.hint:
            output.text(f"  hint: {visible(done.error.hint)}")
    elif done.direction == "send":
        output.note("It was really sent; no delivery is kept.")


def _print_payload(output: Output, done: TryView, payload: TriedPayload) -> None:
    items = "" if payload.items is None else f", {counted(payload.items, 'item')}"
    page = f"page {done.pages}: " if done.direction == "receive" else "puts out: "
    output.text(f"{page}{visible(payload.media_type)}{items}, {size(payload.size_bytes)}")
    for one in payload.preview:
        output.text(visible(one, lines=True))
    if payload.more:
        output.text(f"… and {counted(payload.more, 'more item')}")


def _print_exchange(output: Output, exchange: TriedExchange) -> None:
    output.text(f"> {visible(exchange.method)} {visible(exchange.url)}")
    for name, value in exchange.headers:
        output.text(f"> {visible(name)}: {visible(value)}")
    _print_body(output, exchange.body)
    if exchange.error is not None:
        output.text(f"! {visible(exchange.error)}")
    if exchange.status is not None:
        output.text(f"< {exchange.status} ({exchange.duration_ms:.0f} ms)")
        for name, value in exchange.answer_headers:
            output.text(f"< {visible(name)}: {visible(value)}")
        _print_body(output, exchange.answer)
    output.text()


def _print_body(output: Output, body: TriedBody | None) -> None:
    if body is None or not body.size_bytes:
        return
    output.text()
    if body.text is None:
        output.text(f"({size(body.size_bytes)} that are not text)")
        return
    output.text(visible(body.text, lines=True))
    if body.trimmed:
        output.text(f"[trimmed] ({size(body.size_bytes)} in all)")
