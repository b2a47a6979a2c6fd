"""Accounts, sessions and sign-in on a home."""

from __future__ import annotations

import asyncio

import pytest

from redrive.errors import Forbidden, NotFound, StateConflict, TooManyTries, UsageError
from redrive.service.accounts import Accounts
from redrive.service.actors import ANYBODY, acting
from redrive.service.audit import AuditLog
from redrive.service.passwords import Passwords
from redrive.service.people_views import (
    AccountChange,
    AccountRequest,
    PasswordChange,
    SignInRequest,
    WaysIn,
)
from redrive.service.rights import EVERY_RIGHT, rights_of
from redrive.service.sessions import Sessions
from redrive.service.sign_in import MOST_BY_ADDRESS, MOST_BY_NAME, SignIns
from redrive.service.tokens import Tokens
from tests.unit.service.definition_home import opened

PASSWORD = "correct horse battery"
HERE = {"address": "10.0.0.7", "agent": "Browser/1"}


class House:
    def __init__(self, kernel):
        passwords = Passwords()
        self.kernel = kernel
        self.clock = kernel.deps.clock
        self.sessions = Sessions(kernel)
        self.accounts = Accounts(kernel, passwords, self.sessions.forget)
        self.sign_ins = SignIns(kernel, self.sessions, passwords)
        self.tokens = Tokens(kernel)
        self.log = AuditLog(kernel)

    async def account(self, name="Ann", role="operator", **more):
        return await self.accounts.create(AccountRequest(name=name, role=role, password=PASSWORD, **more))

    async def sign_in(self, name="Ann", password=PASSWORD, address="10.0.0.7"):
        request = SignInRequest(name=name, password=password)
        return await self.sign_ins.by_password(request, address=address, agent="Browser/1")

    async def actor(self, session):
        return await self.sessions.identify(session.text, "10.0.0.7")


@pytest.fixture
async def house(tmp_path):
    async with opened(tmp_path / "home") as kernel:
        yield House(kernel)


async def test_a_person_signs_in_and_is_known_by_the_session(house):
    await house.account()
    made = await house.sign_in("  aNN ")
    actor = await house.actor(made)
    assert (actor.name, actor.role, actor.rights) == ("Ann", "operator", rights_of("operator"))
    assert actor.address == "10.0.0.7"
    with acting(actor):
        (listed,) = (await house.sessions.list()).items
    assert listed.current
    assert (listed.account, listed.way, listed.agent) == ("Ann", "password", "Browser/1")
    assert await house.sessions.identify("something else", None) is None


async def test_neither_password_nor_session_lies_in_the_home(house):
    await house.account()
    made = await house.sign_in()
    for file in house.kernel.home.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert PASSWORD.encode() not in data
            assert made.text.encode() not in data


async def test_an_unknown_name_a_wrong_password_and_a_disabled_account_get_one_answer(house):
    await house.account()
    await house.account("Bob")
    await house.accounts.change("bob", AccountChange(enabled=False))
    answers = []
    for name, password in (("nobody", PASSWORD), ("Ann", "wrong password"), ("Bob", PASSWORD)):
        with pytest.raises(Forbidden) as caught:
            await house.sign_in(name, password)
        answers.append(caught.value.as_dict())
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["code"] == "sign_in.failed"


async def test_an_unknown_name_costs_a_hash_too(house, monkeypatch):
    from redrive.service import passwords

    asked = []
    verify = passwords._verify
    monkeypatch.setattr(
        passwords, "_verify", lambda known, given: asked.append(known) or verify(known, given)
    )
    with pytest.raises(Forbidden):
        await house.sign_in("nobody")
    assert len(asked) == 1
    assert asked[0].startswith("$argon2id$")


async def test_who_guesses_has_to_wait_and_the_right_password_does_not_help(house):
    await house.account()
    for _ in range(MOST_BY_NAME):
        with pytest.raises(Forbidden):
            await house.sign_in(password="guess guess guess")
    with pytest.raises(TooManyTries) as caught:
        await house.sign_in()
    assert caught.value.after_s > 600
    # Somebody else, from elsewhere, is not kept out by it.
    assert await house.sign_in(address="10.0.0.8")


async def test_one_address_cannot_try_many_names(house):
    for number in range(MOST_BY_ADDRESS):
        with pytest.raises(Forbidden):
            await house.sign_in(f"name{number}")
    with pytest.raises(TooManyTries):
        await house.sign_in("one more")


async def test_a_session_ends_when_it_is_idle_or_old(house):
    await house.account()
    idle = await house.sign_in()
    house.clock.forward(days=0.6)
    assert await house.actor(idle) is None
    old = await house.sign_in()
    for _ in range(17):
        house.clock.forward(days=0.4)
        house.sessions.forget()
        assert await house.actor(old) is not None
        await house.kernel.write(lambda _tx: None)  # that it was seen is written
    house.clock.forward(days=0.4)
    house.sessions.forget()
    assert await house.actor(old) is None


async def test_a_session_outlives_the_process(house):
    await house.account()
    made = await house.sign_in()
    assert (await Sessions(house.kernel).identify(made.text, None)).name == "Ann"


async def test_ending_sessions_works_at_once_and_for_others_with_the_right_only(house):
    await house.account()
    await house.account("Bob")
    ann, bob = await house.actor(await house.sign_in()), await house.actor(await house.sign_in("Bob"))
    second = await house.sign_in("Bob")
    with acting(ann):
        with pytest.raises(Forbidden) as caught:
            await house.sessions.list(everybody=True)
        assert caught.value.code == "auth.forbidden"
        with pytest.raises(NotFound):
            await house.sessions.end(second.view.id)
    assert await house.actor(second) is not None
    with acting(bob):
        await house.sessions.end(second.view.id)
    assert await house.actor(second) is None
    assert len((await house.sessions.list(everybody=True)).items) == 2  # the process may see all


async def test_a_changed_role_counts_at_once_and_a_disabled_account_is_out(house):
    await house.account()
    made = await house.sign_in()
    assert not (await house.actor(made)).may("build")
    await house.accounts.change("Ann", AccountChange(role="builder", reveal=True))
    assert (await house.actor(made)).rights == rights_of("builder", reveal=True)
    await house.accounts.change("Ann", AccountChange(enabled=False))
    assert await house.actor(made) is None


async def test_a_new_password_ends_the_other_sessions(house):
    await house.account()
    first, second = await house.sign_in(), await house.sign_in()
    with acting(await house.actor(first)):
        with pytest.raises(Forbidden) as caught:
            await house.accounts.change_password(PasswordChange(current="wrong one", password="x" * 12))
        assert caught.value.code == "password.wrong"
        await house.accounts.change_password(PasswordChange(current=PASSWORD, password="another good one"))
    assert await house.actor(first) is not None
    assert await house.actor(second) is None
    assert await house.sign_in(password="another good one")


async def test_the_last_administrator_stays(house):
    await house.account("Root", "admin")
    for change in (AccountChange(role="builder"), AccountChange(enabled=False)):
        with pytest.raises(StateConflict) as caught:
            await house.accounts.change("root", change)
        assert caught.value.code == "account.last_admin"
    with pytest.raises(StateConflict):
        await house.accounts.delete("root")
    await house.account("Second", "admin")
    await house.accounts.delete("root")
    assert await house.accounts.administrators() == 1
    with pytest.raises(NotFound):
        await house.accounts.get("root")


@pytest.mark.parametrize("name", ["", " ", "local", "LOCAL", "a/b", "a\nb"])
async def test_names_that_no_account_has(house, name):
    with pytest.raises(UsageError):
        await house.accounts.create(AccountRequest.model_construct(name=name, role="viewer", password=None))


async def test_names_are_the_same_in_any_case_and_passwords_are_long(house):
    await house.account("Änne")
    with pytest.raises(StateConflict) as caught:
        await house.account("A\u0308NNE")
    assert caught.value.code == "account.name_taken"
    with pytest.raises(UsageError) as weak:
        await house.accounts.create(AccountRequest(name="Bob", password="short"))
    assert weak.value.code == "password.weak"
    assert [one.name for one in (await house.accounts.list()).items] == ["Änne"]


async def test_a_token_never_does_more_than_its_maker(house):
    await house.account()
    ann = await house.actor(await house.sign_in())
    with acting(ann):
        for scope in ("admin", "reveal", "build"):
            with pytest.raises(Forbidden) as caught:
                await house.tokens.create("x", scopes=[scope])
            assert caught.value.code == "auth.forbidden"
        with pytest.raises(UsageError) as unknown:
            await house.tokens.create("x", scopes=["operater"])
        assert "operator" in unknown.value.hint
        made = await house.tokens.create("mine", scopes=["read", "stop"])
        assert [one.name for one in (await house.tokens.list()).items] == ["mine"]
    actor = await house.tokens.verify(made.token)
    assert (actor.name, actor.via, actor.rights) == ("Ann", "token mine", {"read", "stop"})
    await house.accounts.change("Ann", AccountChange(role="viewer"))
    assert (await house.tokens.verify(made.token)).rights == {"read"}
    await house.accounts.change("Ann", AccountChange(enabled=False))
    with pytest.raises(Forbidden):
        await house.tokens.verify(made.token)
    await house.accounts.delete("Ann")
    assert (await house.tokens.list()).items == []


async def test_tokens_of_others_are_not_seen_or_revoked(house):
    await house.account()
    await house.account("Bob")
    others = await house.tokens.create("of the home")
    with acting(await house.actor(await house.sign_in("Bob"))):
        bobs = await house.tokens.create("of bob")
    with acting(await house.actor(await house.sign_in())):
        assert (await house.tokens.list()).items == []
        for token in (others, bobs):
            with pytest.raises(NotFound):
                await house.tokens.revoke(token.id)


async def test_a_link_signs_in_once_as_who_made_it(house):
    local = house.sign_ins.new_code()
    await house.account("Root", "admin")
    with acting(await house.actor(await house.sign_in("Root"))):
        own = house.sign_ins.new_code()
    made = await house.sign_ins.by_link(local, **HERE)
    assert (await house.actor(made)).rights == EVERY_RIGHT
    assert (await house.actor(made)).account is None
    assert await house.sign_ins.by_link(local, **HERE) is None
    actor = await house.actor(await house.sign_ins.by_link(own, **HERE))
    assert (actor.name, actor.role) == ("Root", "admin")


async def test_who_one_is_is_told_to_anybody(house):
    ways = WaysIn(password=True)
    nobody = await house.sign_ins.me(None, ways)
    assert (nobody.signed_in, nobody.first_start, nobody.rights) == (False, True, [])
    await house.account(reveal=True)
    actor = await house.actor(await house.sign_in())
    me = await house.sign_ins.me(actor, ways)
    assert (me.name, me.account, me.role, me.first_start) == ("Ann", "Ann", "operator", False)
    assert "reveal" in me.rights
    assert me.session.current


async def test_the_audit_log_names_who_from_where_and_how_it_ended(house):
    await house.account()
    actor = await house.actor(await house.sign_in())
    with acting(actor):
        await house.tokens.create("mine")
    with pytest.raises(Forbidden), acting(ANYBODY):
        await house.sign_in(password="guess guess")
    await house.kernel.write(lambda _tx: None)
    lines = (await house.log.list()).items
    told = [(one.action, one.actor, one.via, one.address, one.subject, one.result) for one in lines]
    assert told[0] == ("sign_in", "Ann", "nothing", "10.0.0.7", "Ann", "sign_in.failed")
    assert told[1][:4] == ("token.created", "Ann", "session", "10.0.0.7")
    assert told[2] == ("sign_in", "Ann", "session", "10.0.0.7", "Ann", "ok")
    assert told[3][:4] == ("account.created", "tester", "process", None)
    assert PASSWORD not in repr(lines)


async def test_the_audit_log_is_read_by_who_what_and_in_pages(house):
    for number in range(5):
        house.kernel.note("run.view", f"r{number}")
        house.kernel.note("payload.view", f"p{number}")
    house.kernel.note("running.late", "x")
    await house.kernel.write(lambda _tx: None)
    first = await house.log.list(what="run", limit=3)
    rest = await house.log.list(what="run", limit=3, cursor=first.next)
    assert [one.subject for one in [*first.items, *rest.items]] == ["r4", "r3", "r2", "r1", "r0"]
    assert rest.next is None
    assert [one.subject for one in (await house.log.list(what="payload.view", subject="p3")).items] == ["p3"]
    assert (await house.log.list(who="somebody else")).items == []
    house.clock.forward(days=1)
    from redrive.engine.clock import instant

    assert (await house.log.list(since=instant(house.clock.micros()))).items == []


async def test_two_accounts_of_one_name_are_not_made_at_once(house):
    made = await asyncio.gather(house.account(), house.account("ann"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["AccountView", "StateConflict"]
