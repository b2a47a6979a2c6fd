"""The verb user: the people who may sign in, their roles, and their sessions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter
from pydantic import ValidationError

from redrive.cli.options import PageCursor, PageLimit, Yes, page_size
from redrive.cli.output import visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected, Session
from redrive.cli.tables import confirm
from redrive.client.records import AccountChange, AccountRequest, AccountView
from redrive.errors import UsageError

app = App(name="user", help="Add, list, change and delete people, and end their sessions.")

RoleName: TypeAlias = Literal["viewer", "operator", "builder", "admin"]
Name = Annotated[str, Parameter(help="Name of the account; case does not count.")]
Role = Annotated[RoleName, Parameter(help="What the person may do.")]
Reveal = Annotated[bool, Parameter(help="May see what masking rules hide.")]
From = Annotated[
    Path | None,
    Parameter(
        name="--password-from",
        allow_leading_hyphen=True,
        help="File whose first line is the password, or - for stdin.",
    ),
]


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected) -> None:
    """List people and their roles."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.accounts.list(limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("name", "role", "reveal", "sign-in", "last signed in"),
        [(one.name, one.role, "yes" if one.reveal else "", _way(one), one.signed_in_at) for one in items],
        empty="No accounts. `redrive user add NAME --role admin` makes the first.",
    )
    more(session, after)


@app.command
async def add(
    name: Name,
    /,
    *,
    role: Role = "viewer",
    reveal: Reveal = False,
    password_from: From = None,
    no_password: Annotated[bool, Parameter(help="Sign-in by OIDC only.")] = False,
    session: Injected,
) -> None:
    """Make an account; asks for the password."""
    password = None if no_password else _password(password_from)
    try:
        request = AccountRequest(name=name, role=role, reveal=reveal, password=password)
    except ValidationError as error:
        raise _wrong(error) from None
    async with session.connect() as client:
        _print(session, await client.accounts.create(request))


@app.command(name="set")
async def set_(
    name: Name,
    /,
    *,
    role: Annotated[RoleName | None, Parameter(help="What the person may do.")] = None,
    reveal: Annotated[
        bool | None, Parameter(negative="--no-reveal", help="May see what masking rules hide.")
    ] = None,
    enabled: Annotated[
        bool | None, Parameter(negative="--no-enabled", help="May sign in; disabling ends all sessions.")
    ] = None,
    session: Injected,
) -> None:
    """Change what is given of an account."""
    if role is None and reveal is None and enabled is None:
        raise UsageError("nothing to change is given", hint="Give --role, --reveal or --enabled.")
    async with session.connect() as client:
        change = AccountChange(role=role, reveal=reveal, enabled=enabled)
        _print(session, await client.accounts.change(name, change))


@app.command
async def password(name: Name, /, *, password_from: From = None, session: Injected) -> None:
    """Set a new password; ends all sessions of the account."""
    try:
        change = AccountChange(password=_password(password_from))
    except ValidationError as error:
        raise _wrong(error) from None
    async with session.connect() as client:
        _print(session, await client.accounts.change(name, change))


@app.command
async def delete(name: Name, /, *, yes: Yes = False, session: Injected) -> None:
    """Delete an account with its sessions and tokens."""
    confirm(session, f"Delete the account {visible(name)}", yes=yes)
    async with session.connect() as client:
        await client.accounts.delete(name)
    if session.json:
        session.output.value({"account": name, "deleted": True})
        return
    session.output.text(f"{visible(name)} is deleted.")


@app.command
async def sessions(*, session: Injected) -> None:
    """List the browsers that are signed in."""
    async with session.connect() as client:
        page = await client.sessions.list(everybody=True)
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("session", "account", "by", "from", "since", "seen", "until"),
        [
            (
                one.id,
                one.account or "(local administrator)",
                one.way,
                one.address,
                one.created_at,
                one.seen_at,
                one.expires_at,
            )
            for one in page.items
        ],
        empty="Nobody is signed in.",
    )


@app.command
async def end(
    id: Annotated[str, Parameter(help="Id of the session, as `redrive user sessions` shows it.")],
    /,
    *,
    session: Injected,
) -> None:
    """End a session: that browser has to sign in again."""
    async with session.connect() as client:
        await client.sessions.end(id)
    if session.json:
        session.output.value({"session": id, "ended": True})
        return
    session.output.text(f"{visible(id)} has ended.")


def _password(source: Path | None) -> str:
    """From a file, stdin, or typed twice on a terminal; never from the command line, which others can see."""
    if source is not None:
        if str(source) == "-":
            return sys.stdin.readline().rstrip("\r\n")
        with source.open(encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError(
            "no terminal to ask for the password on",
            at="--password-from",
            hint="Give --password-from FILE, or - for stdin.",
        )
    from getpass import getpass

    typed = getpass("Password: ")
    if getpass("Again: ") != typed:
        raise UsageError("the two passwords differ")
    return typed


def _wrong(error: ValidationError) -> UsageError:
    first = error.errors(include_input=False, include_url=False)[0]
    at = ".".join(str(part) for part in first["loc"])
    return UsageError(f"{at}: {first['msg']}", at=at)


def _way(account: AccountView) -> str:
    if not account.enabled:
        return "disabled"
    ways = ["password"] if account.password else []
    return ", ".join([*ways, *([account.issuer] if account.issuer else [])]) or "none"


def _print(session: Session, account: AccountView) -> None:
    if session.json:
        session.output.view(account)
        return
    extra = ", may reveal" if account.reveal else ""
    session.output.text(f"{visible(account.name)}: {account.role}{extra}; sign-in: {_way(account)}")
