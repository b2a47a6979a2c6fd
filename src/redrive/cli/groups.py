"""The verb groups: whom messages about runs reach, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from pydantic import ValidationError

from redrive.cli.options import PageCursor, PageLimit, Yes, page_size
from redrive.cli.output import seconds, visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected, Session
from redrive.cli.tables import confirm
from redrive.client.records import GroupRequest, GroupView
from redrive.errors import UsageError

app = App(name="groups", help="List, set, test and delete notification groups.")

Name = Annotated[str, Parameter(help="Name of the notification group.")]


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected) -> None:
    """List notification groups."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.groups.list(limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("group", "level", "quiet period", "quiet hours", "urls"),
        [
            (one.name, one.level, seconds(one.quiet_period_s), _hours(one) or "", ", ".join(one.urls))
            for one in items
        ],
        empty="No notification groups. `redrive groups set NAME --url URL` makes one.",
    )
    more(session, after)


@app.command
async def show(name: Name, /, *, session: Injected) -> None:
    """Show one group. Its URLs are secrets: only where each is kept is shown."""
    async with session.connect() as client:
        _print(session, await client.groups.get(name))


@app.command(name="set")
async def set_(
    name: Name,
    /,
    *,
    url: Annotated[
        list[str] | None,
        Parameter(
            help="Apprise URL (it is sealed), or env:NAME or file:PATH of one; may be repeated. Replaces all."
        ),
    ] = None,
    level: Annotated[
        Literal["info", "warning", "error"] | None, Parameter(help="Notices below it are not sent.")
    ] = None,
    quiet_period: Annotated[
        str | None, Parameter(help="Equal notices within it become one message, such as 10m.")
    ] = None,
    quiet_hours: Annotated[
        str | None, Parameter(help="Hours in which nothing is sent, such as 22:00-07:00; none for no such.")
    ] = None,
    timezone: Annotated[str, Parameter(help="Time zone of the quiet hours.")] = "UTC",
    session: Injected,
) -> None:
    """Make a group, or change what is given of one."""
    asked: dict[str, Any] = {"level": level, "quiet_period": quiet_period}
    if url is not None:
        asked["urls"] = [_url(one) for one in url]
    if quiet_hours is not None:
        start, _, end = quiet_hours.partition("-")
        none = quiet_hours == "none"
        asked["quiet_hours"] = "none" if none else {"start": start, "end": end, "timezone": timezone}
    try:
        request = GroupRequest.model_validate({k: v for k, v in asked.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        raise UsageError(f"{at}: {first['msg']}", code="group.invalid", at=at) from None
    async with session.connect() as client:
        _print(session, await client.groups.set(name, request))


@app.command
async def delete(name: Name, /, *, yes: Yes = False, session: Injected) -> None:
    """Delete a group; what waits for it is not sent any more."""
    confirm(session, f"Delete the notification group {visible(name)}", yes=yes)
    async with session.connect() as client:
        await client.groups.delete(name)
    if session.json:
        session.output.value({"group": name, "deleted": True})
        return
    session.output.text(f"{visible(name)} is deleted.")


@app.command
async def test(name: Name, /, *, session: Injected) -> int:
    """Send a message to each URL of a group, now. Exit code 1 where one was not sent."""
    async with session.connect() as client:
        result = await client.groups.test(name)
    if session.json:
        session.output.view(result)
    else:
        for where, reason in result.results.items():
            session.output.text(f"{visible(where)}: {visible(reason) if reason else 'sent'}")
    return 0 if result.sent else 1


@app.command
async def sent(
    *,
    group: Annotated[str | None, Parameter(help="Only notices for this group.")] = None,
    status: Annotated[
        Literal["waiting", "sent", "failed"] | None, Parameter(help="Only notices in this state.")
    ] = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List what groups were told, or will be, the newest first."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.groups.sent(group=group, status=status, limit=most, cursor=place),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("notice", "group", "level", "title", "count", "at", "status", "tries", "run", "error"),
        [
            (
                one.id, one.group, one.level, one.title, one.count, one.at, one.status, one.tries,
                one.run, one.error or "",
            )
            for one in items
        ],
        empty="No notices.",
    )  # fmt: skip
    more(session, after)


@app.command
async def resend(
    notice: Annotated[str, Parameter(help="Id of the notice, as `redrive groups sent` shows it.")],
    /,
    *,
    session: Injected,
) -> None:
    """Try a notice again that was given up."""
    async with session.connect() as client:
        found = await client.groups.send_again(notice)
    if session.json:
        session.output.view(found)
        return
    session.output.text(f"{visible(notice)} is tried again.")


def _url(text: str) -> dict[str, str]:
    for kind in ("env", "file"):
        if text.startswith(f"{kind}:") and not text.startswith(f"{kind}://"):
            return {kind: text.removeprefix(f"{kind}:")}
    return {"url": text}


def _hours(group: GroupView) -> str | None:
    hours = group.quiet_hours
    return f"{hours.start}-{hours.end} {hours.timezone}" if hours is not None else None


def _print(session: Session, group: GroupView) -> None:
    if session.json:
        session.output.view(group)
        return
    session.output.facts(
        [
            ("group", group.name),
            ("level", group.level),
            ("quiet period", seconds(group.quiet_period_s)),
            ("quiet hours", _hours(group)),
            *((f"url {number}", where) for number, where in enumerate(group.urls)),
            ("updated", group.updated_at),
        ]
    )
