"""Security schemes of a description as the authentication of a connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from redrive.core.template import TemplateInvalid, compile_value
from redrive.documents.described.model import Setting, text_of

_MOST_SCOPES: Final = 1_000


@dataclass
class Scheme:
    """What one scheme becomes. `authentication` None: it has no counterpart, `note` says why."""

    name: str
    authentication: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """An API key in a header may stand beside another scheme."""
    tls: dict[str, str] | None = None
    settings: list[Setting] = field(default_factory=list)
    note: str = ""


def literal(text: str) -> str:
    """Text that stands in a template as it is."""
    return text.replace("\\{{", "\\\\{{").replace("{{", "\\{{") if "{{" in text else text


def quoted(text: str) -> str | None:
    """A text within `default('…')`; None where it cannot stand there."""
    made = "'" + text + "'"
    if "'" in text or "\\" in text or "}}" in text or not text.isprintable():
        return None
    try:
        compile_value("{{ connection.a | default(" + made + ") }}", ("connection",))
    except TemplateInvalid:
        return None
    return made


def setting_template(name: str, default: str | None) -> str:
    """Reads a setting, with the default of the description where there is one."""
    made = quoted(default) if default is not None else None
    return f"{{{{ connection.{name} | default({made}) }}}}" if made else f"{{{{ connection.{name} }}}}"


def scheme_of(name: str, about: Mapping[str, Any], base: str, scopes: Sequence[str]) -> Scheme:
    """`base`: the server's URL, from which those of tokens may count."""
    made = Scheme(name)
    help_ = text_of(about.get("description"), 200)
    kind = str(about.get("type", "")).casefold()
    if kind == "http":
        _http(made, str(about.get("scheme", "")).casefold(), help_)
    elif kind == "basic":
        _http(made, "basic", help_)
    elif kind == "apikey":
        _api_key(made, about, help_)
    elif kind == "oauth2":
        _oauth2(made, about, base, scopes)
    elif kind == "openidconnect":
        _bearer(made, "An access token of the system's sign-in (OpenID Connect).")
        made.note = (
            "OpenID Connect names its token address elsewhere: an access token is expected as a secret"
        )
    elif kind == "mutualtls":
        made.tls = {"certificate": "{{ connection.certificate }}", "key": "{{ connection.key }}"}
        made.authentication = {"method": "none"}
        made.settings = [
            Setting("certificate", "Our certificate, as PEM.", secret=True),
            Setting("key", "Its private key, as PEM.", secret=True),
        ]
    else:
        made.note = (
            f"the security scheme {name!r} is of the kind {kind[:40]!r}, which has no counterpart here"
        )
    return made


def _http(made: Scheme, scheme: str, help_: str) -> None:
    if scheme == "basic":
        made.authentication = {
            "method": "basic",
            "username": "{{ connection.username }}",
            "password": "{{ connection.password | default('') }}",
        }
        made.settings = [
            Setting("username", help_ or "User name."),
            Setting("password", "Its password; may be left out where the user name is a key.", secret=True),
        ]
    elif scheme == "bearer":
        _bearer(made, help_ or "The token.")
    else:
        made.note = (
            f"HTTP authentication {scheme[:40]!r} has no counterpart here: write `authentication` by hand"
        )


def _bearer(made: Scheme, help_: str) -> None:
    made.authentication = {"method": "bearer", "token": "{{ connection.token }}"}
    made.settings = [Setting("token", help_, secret=True)]


def _api_key(made: Scheme, about: Mapping[str, Any], help_: str) -> None:
    where, name = str(about.get("in", "")), str(about.get("name", ""))
    if not name or len(name) > 200 or not name.isprintable() or not name.isascii() or " " in name:
        made.note = f"the security scheme {made.name!r} names no header or parameter"
        return
    secret = _secret_name(made.name)
    value = f"{{{{ connection.{secret} }}}}"
    made.settings = [Setting(secret, help_ or f"The key in {name}.", secret=True)]
    if where == "query":
        made.authentication = {"method": "api_key", "value": value, "query": name}
    elif where == "cookie":
        made.authentication = {"method": "api_key", "value": f"{literal(name)}={value}", "header": "Cookie"}
    else:
        made.authentication = {"method": "api_key", "value": value, "header": name}
        made.headers = {name: value}


def _secret_name(scheme: str) -> str:
    words = (
        "".join(char if char.isascii() and char.isalnum() else "_" for char in scheme[:60]).strip("_").lower()
    )
    return words if words and words[0].isalpha() else "api_key"


def _oauth2(made: Scheme, about: Mapping[str, Any], base: str, scopes: Sequence[str]) -> None:
    flows = about.get("flows")
    flows = flows if isinstance(flows, Mapping) else {}
    for name, method in (
        ("clientCredentials", "oauth2_client_credentials"),
        ("authorizationCode", "oauth2_authorization_code"),
    ):
        flow = flows.get(name)
        if not isinstance(flow, Mapping):
            continue
        token_url = _absolute(flow.get("tokenUrl"), base)
        page = _absolute(flow.get("authorizationUrl"), base)
        if token_url is None or (name == "authorizationCode" and page is None):
            continue
        made.authentication = {"method": method, "token_url": token_url}
        if name == "authorizationCode":
            made.authentication["authorize_url"] = page
        made.authentication |= {
            "client_id": "{{ connection.client_id }}",
            "client_secret": "{{ connection.client_secret | default('') }}",
        }
        known = flow.get("scopes")
        wanted = " ".join(one for one in scopes if not isinstance(known, Mapping) or one in known)
        if len(wanted) > _MOST_SCOPES or quoted(wanted) is None:
            wanted = ""
        made.authentication["scope"] = setting_template("scope", wanted)
        made.settings = [
            Setting("client_id", "The client that is registered with the system."),
            Setting("client_secret", "Its secret; left out for a public client.", secret=True),
            Setting("scope", "Scopes that are asked for, separated by spaces.", default=wanted),
        ]
        return
    _bearer(made, "An access token that was got elsewhere.")
    made.note = (
        "OAuth 2 without client credentials or authorization code "
        f"({', '.join(map(str, flows))[:80] or 'none'}): an access token is expected as a secret"
    )


def _absolute(url: Any, base: str) -> str | None:
    if not isinstance(url, str) or not url or len(url) > 2_000:
        return None
    try:
        whole = urljoin(base, url)
        parts = urlsplit(whole)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not whole.isprintable():
        return None
    return literal(whole)
