"""Sign-in by an identity provider: the claims of a person become an account with a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from redrive.errors import ConfigInvalid, Forbidden, RedriveError, StateConflict
from redrive.service.accounts import Accounts, checked_name, folded
from redrive.service.actors import ANYBODY, Actor, acting
from redrive.service.kernel import Kernel
from redrive.service.oidc_state import Client
from redrive.service.people_views import NewSession
from redrive.service.rights import ROLES, Role
from redrive.service.sessions import Sessions
from redrive.store import accounts as store
from redrive.store.accounts import AccountRow
from redrive.store.committer import Transaction

if TYPE_CHECKING:
    from redrive.service.oidc import Provider


class OidcSignIns:
    """The way in through the provider that the settings name, if they name one."""

    def __init__(self, kernel: Kernel, sessions: Sessions, accounts: Accounts) -> None:
        self._kernel = kernel
        self._sessions = sessions
        self._accounts = accounts
        settings = kernel.deps.settings
        self._roles = _roles(settings.oidc_roles)
        self._provider: Provider | None = None
        if settings.oidc_issuer and settings.oidc_client_id:
            from redrive.service.oidc import Provider  # noqa: PLC0415  # most homes have no provider

            self._provider = Provider(
                Client(
                    settings.oidc_issuer,
                    settings.oidc_client_id,
                    settings.oidc_client_secret,
                    settings.oidc_scopes,
                )
            )

    @property
    def name(self) -> str | None:
        """What to call the provider on a button; None where there is none."""
        return self._kernel.deps.settings.oidc_name if self._provider is not None else None

    async def start(self, redirect_uri: str, to: str) -> tuple[str, str]:
        """Where to lead the browser, and what it keeps, sealed, until it comes back.

        Errors: `oidc.off`, `oidc.provider`.
        """
        provider = self._of()
        url, asked = await provider.ask(redirect_uri, to)
        return url, provider.sealed(asked)

    async def finish(
        self, answer: dict[str, str], sealed: str | None, *, address: str | None, agent: str | None
    ) -> tuple[NewSession, str]:
        """A new session, and where the browser wanted to go.

        Errors: `oidc.off`, `oidc.state`, `oidc.refused`, `oidc.token`, `oidc.provider`, `oidc.no_role`,
        `oidc.name_taken`, `sign_in.failed`.
        """
        who = Actor(name="anybody", rights=frozenset(), via=ANYBODY.via, address=address)
        try:
            provider = self._of()
            asked = provider.unsealed(sealed)
            claims = await provider.claims(answer, asked)
            account = await self._account(claims)
        except RedriveError as error:
            self._kernel.note("sign_in", "oidc", {"way": "oidc"}, result=error.code, actor=who)
            raise
        actor = Actor(
            name=account.name, rights=frozenset(), via="session", address=address, account=account.id
        )
        with acting(actor):
            made = await self._sessions.begin(account, "oidc", address=address, agent=agent)
        return made, asked.to

    def _of(self) -> Provider:
        if self._provider is None:
            raise StateConflict(
                "sign-in by OIDC is not set up",
                code="oidc.off",
                hint="Set oidc_issuer and oidc_client_id, and start Redrive again.",
            )
        return self._provider

    async def _account(self, claims: dict[str, Any]) -> AccountRow:
        """The account of the person, made at the first sign-in; its role follows the claims."""
        issuer, subject = str(claims["iss"]), str(claims["sub"])
        role = self._role(claims)
        found = await self._kernel.deps.reader.run(
            lambda rows: store.account_by_subject(rows, issuer, subject)
        )
        if found is None:
            return await self._new(claims, issuer, subject, role)
        if not found.enabled:
            raise Forbidden("the account is disabled", code="sign_in.failed", hint="Ask an administrator.")
        if role is None or found.role == role:
            return found

        def work(transaction: Transaction) -> AccountRow:
            now = store.account_of(transaction, found.id) or found
            after = msgspec.structs.replace(now, role=role)
            store.put_account(transaction, after)
            self._kernel.audit(transaction, "account.changed", after.name, role=role, by="oidc")
            return after

        changed = await self._kernel.write(work)
        self._sessions.forget()
        return changed

    async def _new(self, claims: dict[str, Any], issuer: str, subject: str, role: Role | None) -> AccountRow:
        if role is None:
            raise Forbidden(
                "the identity provider knows the person, and nothing gives them a role here",
                code="oidc.no_role",
                hint="An administrator maps a group with oidc_roles, or sets oidc_default_role.",
            )
        name = checked_name(self._name(claims))
        account = AccountRow(
            id=self._kernel.deps.ids.next(),
            name=name,
            folded=folded(name),
            role=role,
            reveal=False,
            enabled=True,
            password=None,
            issuer=issuer,
            subject=subject,
            created_at=self._kernel.deps.clock.micros(),
            signed_in_at=None,
        )
        try:
            await self._accounts.insert(account)
        except StateConflict:
            # Never taken over by the name alone: whoever can choose a name there would be that person here.
            raise StateConflict(
                f"there is another account {name!r}, which does not belong to the identity provider",
                code="oidc.name_taken",
                hint="An administrator deletes or keeps that one, or oidc_name_claim names another claim.",
            ) from None
        return account

    def _name(self, claims: dict[str, Any]) -> str:
        wanted = self._kernel.deps.settings.oidc_name_claim
        found = next((claims[one] for one in (wanted, "email", "name", "sub") if claims.get(one)), "")
        return str(found).replace("/", "-")[:100]

    def _role(self, claims: dict[str, Any]) -> Role | None:
        """The highest role that a value of the claim is mapped to."""
        settings = self._kernel.deps.settings
        found = claims.get(settings.oidc_role_claim)
        values = found if isinstance(found, list) else [found]
        roles = {self._roles[str(one)] for one in values if str(one) in self._roles}
        if not roles:
            return cast("Role | None", settings.oidc_default_role)
        return max(roles, key=ROLES.index)


def _roles(text: str | None) -> dict[str, Role]:
    """`group=role` pairs. Errors: `config.invalid`."""
    found: dict[str, Role] = {}
    for pair in filter(None, (one.strip() for one in (text or "").split(","))):
        value, sign, role = pair.rpartition("=")
        if not sign or role.strip() not in ROLES:
            raise ConfigInvalid(
                f"oidc_roles: {pair!r} is not a value and a role",
                at="oidc_roles",
                hint="Write such as `redrive-admins=admin, support=operator`.",
            )
        found[value.strip()] = cast("Role", role.strip())
    return found
