"""An OpenAPI 3.x description: its servers, its authentication, and its operations one by one."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from redrive.core.nearest import nearest
from redrive.documents.described.model import (
    Described,
    DescriptionInvalid,
    Draft,
    Note,
    Refused,
    Setting,
    Unfit,
    Wanted,
    text_of,
)
from redrive.documents.described.names import endpoint_names, kebab
from redrive.documents.described.operation import Maker, Operation
from redrive.documents.described.references import References
from redrive.documents.described.schemas import Schemas
from redrive.documents.described.security import Scheme, literal, quoted, scheme_of

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
SENDABLE: Final = frozenset({"get", "put", "post", "delete", "patch"})
MAX_OPERATIONS: Final = 5_000
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_BY_HAND: Final = "Write this endpoint by hand (docs: write a connector)."


class Found(NamedTuple):
    """One operation as it stands in the description; `problem` where it cannot be read at all."""

    method: str
    path: str
    about: Mapping[str, Any]
    shared: Mapping[str, Any]
    problem: Unfit | None = None

    @property
    def title(self) -> str:
        return f"{self.method.upper()} {text_of(self.path, 300)}"


class Server(NamedTuple):
    """A base URL: as text, as a template, and the settings that it reads."""

    url: str
    template: str
    settings: list[Setting]


def read_openapi(
    document: Mapping[str, Any], name: str, url: str | None, wanted: Wanted, nodes: int
) -> Described:
    """`nodes`: most values of a schema or sample that is kept. Errors: `DescriptionInvalid`."""
    return _Reader(document, name, url, wanted, nodes).run()


class _Reader:
    def __init__(
        self, document: Mapping[str, Any], name: str, url: str | None, wanted: Wanted, nodes: int
    ) -> None:
        self._document = document
        self._url = url
        self._wanted = wanted
        self._references = References(document)
        self._schemas = Schemas(self._references, nodes)
        self._together: set[str] = set()
        """Schemes that stand beside the chosen one."""
        info = document.get("info")
        info = info if isinstance(info, Mapping) else {}
        title = text_of(info.get("title"), 100)
        self._made = Described(
            kind=f"OpenAPI {text_of(document.get('openapi'), 20)}",
            title=title or name,
            version=text_of(str(info.get("version", "")), 40),
            name=wanted.name or kebab(title, 60) or "imported",
            nodes=nodes,
        )
        self._made.head["description"] = text_of(info.get("description"), 300)

    def run(self) -> Described:
        made = self._made
        found = list(self._operations())
        if not found:
            raise DescriptionInvalid(
                "the description names no operation",
                code="description.empty",
                hint="An OpenAPI description has operations under `paths`.",
            )
        made.operations = len(found)
        if made.operations > MAX_OPERATIONS:
            raise DescriptionInvalid(
                f"the description names {made.operations:,} operations; at most {MAX_OPERATIONS:,} are read",
                code="description.too_large",
                hint="Take a smaller one: many systems offer one for each of their areas.",
            )
        names = endpoint_names(
            [(str(one.about.get("operationId") or ""), one.method.upper(), one.path) for one in found]
        )
        chosen = self._chosen(found, names)
        made.chosen = len(chosen)
        server = self._server()
        self._elsewhere = self._wanted.server is not None and any(
            self._wanted.server.rstrip("/")
            in self._plain(self._servers(one.about) or self._servers(one.shared))
            for one in found
        )
        scheme = self._scheme(chosen, server)
        self._head(server, scheme)
        maker = Maker(self._references, self._schemas)
        for one in chosen:
            try:
                made.endpoints.append(self._endpoint(one, names, maker, server, scheme))
            except Unfit as unfit:
                made.refused.append(Refused(one.title, unfit.reason, unfit.why, unfit.way_out))
        made.notes += maker.notes
        self._webhooks()
        return made

    # ---- operations

    def _operations(self) -> Iterator[Found]:
        paths = self._document.get("paths")
        for path, item in paths.items() if isinstance(paths, Mapping) else ():
            if not isinstance(path, str) or path.startswith("x-"):
                continue
            problem = None
            try:
                shared = self._references.of(item)
            except Unfit as unfit:
                shared, problem = item, unfit
            if not isinstance(shared, Mapping):
                continue
            if problem is not None:
                yield Found("any", path, {}, {}, problem)
                continue
            for method in METHODS:
                about = shared.get(method)
                if isinstance(about, Mapping):
                    yield Found(method, path, about, shared)

    def _chosen(self, found: Sequence[Found], names: Mapping[str, str]) -> list[Found]:
        if not self._wanted.only:
            return list(found)
        used: set[str] = set()
        chosen = []
        for one in found:
            fits = [only for only in self._wanted.only if _fits(only, one, names)]
            used.update(fits)
            if fits:
                chosen.append(one)
        for only in self._wanted.only:
            if only not in used:
                known = sorted({tag for one in found for tag in _tags(one)} | {one.path for one in found})
                near = nearest(only, known)
                raise DescriptionInvalid(
                    f"nothing in the description has the tag, path, operation id or name {only!r}",
                    code="description.only",
                    at=only,
                    hint=f"Did you mean {near!r}?" if near else f"Tags are: {_listed(found)}.",
                )
        return chosen

    def _endpoint(
        self, one: Found, names: Mapping[str, str], maker: Maker, server: Server, scheme: Scheme | None
    ) -> Draft:
        if one.problem is not None:
            raise one.problem
        if one.method not in SENDABLE:
            raise Unfit("method", f"{one.method.upper()} neither receives records nor sends them", _BY_HAND)
        if len(one.path) > 1_000 or not one.path.isprintable() or "?" in one.path or "#" in one.path:
            raise Unfit("path", "its path holds characters that no path of a request has", _BY_HAND)
        if not one.path.startswith("/"):
            raise Unfit("path", "its path does not start with /", "Mend the description.")
        self._right_server(one, server)
        self._right_scheme(one, scheme)
        name = names[f"{one.method.upper()} {one.path}"]
        operation = Operation(
            title=one.title,
            name=name,
            method=one.method.upper(),
            path=one.path,
            about=one.about,
            shared=one.shared,
        )
        return maker.make(operation)

    def _webhooks(self) -> None:
        webhooks = self._document.get("webhooks")
        if isinstance(webhooks, Mapping) and webhooks and not self._wanted.only:
            for name in list(webhooks)[:MAX_OPERATIONS]:
                self._made.operations += 1
                self._made.chosen += 1
                self._made.refused.append(
                    Refused(
                        f"webhook {text_of(str(name), 200)}",
                        "webhook",
                        "the system makes this request, it does not answer it",
                        "Receive it with a `webhook` trigger of a flow (docs: receive webhooks).",
                    )
                )

    # ---- servers

    def _server(self) -> Server:
        servers = self._servers(self._document)
        wanted = self._wanted.server
        if wanted is not None:
            if wanted.startswith(("http://", "https://")):
                return self._as_server({"url": wanted})
            raise DescriptionInvalid(
                f"the server {wanted!r} is not an http:// or https:// URL",
                code="description.server",
                at=wanted,
                hint=f"The description names {', '.join(map(str, servers[:5])) or 'none'}.",
            )
        listed = self._document.get("servers")
        first = listed[0] if isinstance(listed, list) and listed else {"url": "/"}
        if len(servers) > 1:
            self._made.comments["base_url"] = "also named: " + ", ".join(
                text_of(one, 120) for one in servers[1:6]
            )
        return self._as_server(first if isinstance(first, Mapping) else {"url": "/"})

    def _servers(self, holder: Mapping[str, Any]) -> list[str]:
        listed = holder.get("servers")
        if not isinstance(listed, list):
            return []
        return [_plain_url(one) for one in listed[:20] if isinstance(one, Mapping) and "url" in one]

    def _as_server(self, about: Mapping[str, Any]) -> Server:
        url = str(about.get("url") or "/").strip().rstrip("/")
        variables = about.get("variables")
        variables = variables if isinstance(variables, Mapping) else {}
        settings: list[Setting] = []
        plain = _plain_url(about)
        for variable in dict.fromkeys(_VARIABLE.findall(url)):
            detail = variables.get(variable)
            detail = detail if isinstance(detail, Mapping) else {}
            default = text_of(str(detail.get("default", "")), 300) or None
            one_of = detail.get("enum")
            name = kebab(variable, 60).replace("-", "_")
            settings.append(
                Setting(
                    name if name[:1].isalpha() else f"server_{name}",
                    text_of(detail.get("description"), 200) or "Part of the base URL.",
                    default=default if default and quoted(default) else None,
                    one_of=tuple(map(str, one_of[:20])) if isinstance(one_of, list) else (),
                )
            )
        if settings and url.startswith(("http://", "https://")):
            return Server(plain, _filled(url, settings), settings)
        absolute = urljoin(self._url or "", plain) if not plain.startswith(("http://", "https://")) else plain
        known = (
            absolute.startswith(("http://", "https://")) and _host(absolute) and quoted(absolute) is not None
        )
        setting = Setting("base_url", "Where the system is.", default=absolute.rstrip("/") if known else None)
        if known:
            return Server(
                absolute.rstrip("/"),
                f"{{{{ connection.base_url | default({quoted(absolute.rstrip('/'))}) }}}}",
                [setting],
            )
        self._made.notes.append(
            Note(
                "", "the description does not say on which host the system is: give the connection a base_url"
            )
        )
        rest = plain if plain.startswith("/") else ""
        return Server(plain, "{{ connection.base_url }}" + literal(rest), [setting])

    def _right_server(self, one: Found, server: Server) -> None:
        listed = self._servers(one.about) or self._servers(one.shared)
        named = self._servers(self._document)
        if not listed:
            # With another server than those for all, only what names it is taken.
            if self._wanted.server is None or self._wanted.server.rstrip("/") in self._plain(named):
                return
            if not self._elsewhere:
                return
            listed = named or [server.url]
        plain = self._plain(listed)
        wanted = (self._wanted.server or server.url).rstrip("/")
        if wanted not in plain and (self._wanted.server is not None or not set(listed) & set(named)):
            raise Unfit(
                "server",
                f"it lives on another server than the rest ({text_of(listed[0], 120)})",
                f"Import it into a connector of its own: --server {text_of(plain[0], 120)} "
                f"--only {one.path} --name OTHER.",
            )

    def _plain(self, listed: Sequence[str]) -> list[str]:
        return [urljoin(self._url or "", text).rstrip("/") for text in listed]

    # ---- authentication

    def _scheme(self, chosen: Sequence[Found], server: Server) -> Scheme | None:
        """The one way of authentication that most of the operations take."""
        known = self._schemes(chosen, server)
        wanted = self._wanted.authentication
        if wanted is not None and wanted not in known:
            near = nearest(wanted, known)
            raise DescriptionInvalid(
                f"the description names no authentication {wanted!r}",
                code="description.authentication",
                at=wanted,
                hint=f"Did you mean {near!r}?" if near else f"It names {', '.join(known) or 'none'}.",
            )
        counts: Counter[str] = Counter()
        for one in chosen:
            # A key in a header may stand beside another scheme, so an operation may want both.
            counts.update(
                name
                for name in {name for way in self._ways(one) for name in way}
                if any(
                    name in way and all(other in known and known[other].headers for other in way - {name})
                    for way in self._ways(one)
                )
            )
        usable = {name: scheme for name, scheme in known.items() if scheme.authentication is not None}
        best = wanted or max(
            usable,
            # The first of those named first, where several are taken by as many.
            key=lambda name: (counts[name], -list(known).index(name)),
            default=None,
        )
        if best is None:
            for scheme in known.values():
                self._made.notes.append(Note("", scheme.note))
            if not known:
                self._made.notes.append(
                    Note(
                        "",
                        "the description names no authentication: write `authentication` if there is one",
                    )
                )
            return None
        scheme = known[best]
        if not counts[best] and any(counts.values()):
            return None
        if scheme.note:
            self._made.notes.append(Note("", scheme.note))
        if len(known) > 1:
            others = ", ".join(text_of(name, 60) for name in known if name != best)
            self._made.comments["authentication"] = f"as {text_of(best, 60)!r} says; also named: {others}"
        self._beside(scheme, chosen, known)
        return scheme

    def _schemes(self, chosen: Sequence[Found], server: Server) -> dict[str, Scheme]:
        components = self._document.get("components")
        listed = components.get("securitySchemes") if isinstance(components, Mapping) else None
        made: dict[str, Scheme] = {}
        for name, one in listed.items() if isinstance(listed, Mapping) else ():
            try:
                about = self._references.of(one)
            except Unfit:
                continue
            if isinstance(about, Mapping) and isinstance(name, str):
                scopes = list(dict.fromkeys(self._scopes(chosen, name)))
                made[name] = scheme_of(name, about, server.url, scopes)
        return made

    def _scopes(self, chosen: Sequence[Found], name: str) -> Iterator[str]:
        for one in chosen:
            for way in self._requirements(one):
                scopes = way.get(name)
                if isinstance(scopes, list):
                    yield from (str(scope) for scope in scopes if isinstance(scope, str))

    def _requirements(self, one: Found) -> list[Mapping[str, Any]]:
        security = one.about.get("security", self._document.get("security"))
        return [way for way in security if isinstance(way, Mapping)] if isinstance(security, list) else []

    def _ways(self, one: Found) -> list[frozenset[str]]:
        return [frozenset(map(str, way)) for way in self._requirements(one)]

    def _beside(self, scheme: Scheme, chosen: Sequence[Found], known: Mapping[str, Scheme]) -> None:
        """API keys in headers that are wanted together with the chosen scheme stand beside it."""
        for one in chosen:
            for way in self._ways(one):
                if scheme.name not in way:
                    continue
                for other in sorted(way - {scheme.name}):
                    more = known.get(other)
                    if more is None or not more.headers:
                        continue
                    self._together.add(other)
                    if not set(more.headers) <= set(scheme.headers):
                        scheme.headers |= more.headers
                        scheme.settings += more.settings

    def _right_scheme(self, one: Found, scheme: Scheme | None) -> None:
        ways = self._ways(one)
        if not ways or scheme is None or frozenset() in ways:
            return
        if any(scheme.name in way and self._all_there(way, scheme) for way in ways):
            return
        other = text_of(next(iter(sorted(ways[0] - {scheme.name})), ""), 60)
        raise Unfit(
            "authentication",
            f"it wants the authentication {other!r}, the connector has {text_of(scheme.name, 60)!r}",
            f"Import such operations into a connector of their own: --authentication {other}.",
        )

    def _all_there(self, way: frozenset[str], scheme: Scheme) -> bool:
        """Whether the connector has all that is wanted together."""
        return all(name == scheme.name or name in self._together for name in way)

    def _head(self, server: Server, scheme: Scheme | None) -> None:
        head = self._made.head
        head["base_url"] = server.template
        self._made.settings += server.settings
        if scheme is None or scheme.authentication is None:
            return
        head["authentication"] = scheme.authentication
        own = scheme.authentication.get("header")
        beside = {name: value for name, value in scheme.headers.items() if name != own}
        if beside:
            head["headers"] = beside
        if scheme.tls:
            head["tls"] = scheme.tls
        known = {setting.name for setting in self._made.settings}
        self._made.settings += [setting for setting in scheme.settings if setting.name not in known]


def _filled(url: str, settings: Sequence[Setting]) -> str:
    """The URL with a template for each of its variables, in their order."""
    parts = _VARIABLE.split(url)
    names = list(dict.fromkeys(parts[1::2]))
    made = []
    for number, part in enumerate(parts):
        if number % 2 == 0:
            made.append(literal(part))
            continue
        setting = settings[names.index(part)]
        default = quoted(setting.default) if setting.default else None
        inner = f"connection.{setting.name}" + (f" | default({default})" if default else "")
        made.append("{{ " + inner + " }}")
    return "".join(made)


def _plain_url(server: Mapping[str, Any]) -> str:
    """The URL of a server with the defaults of its variables."""
    variables = server.get("variables")
    variables = variables if isinstance(variables, Mapping) else {}

    def default(match: re.Match[str]) -> str:
        detail = variables.get(match[1])
        known = detail.get("default") if isinstance(detail, Mapping) else None
        return text_of(str(known), 300) if known else match[1]

    return _VARIABLE.sub(default, str(server.get("url") or "/").strip()).rstrip("/")


def _host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _tags(one: Found) -> list[str]:
    tags = one.about.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _fits(only: str, one: Found, names: Mapping[str, str]) -> bool:
    if only.startswith("/"):
        wanted = only.rstrip("/").split("/")
        parts = one.path.rstrip("/").split("/")
        return len(parts) >= len(wanted) and all(
            fnmatch.fnmatchcase(part, pattern) or part == pattern
            for part, pattern in zip(parts, wanted, strict=False)
        )
    if only.casefold() in (tag.casefold() for tag in _tags(one)):
        return True
    return only in (one.about.get("operationId"), names.get(f"{one.method.upper()} {one.path}"))


def _listed(found: Sequence[Found]) -> str:
    tags = sorted({tag for one in found for tag in _tags(one)})
    return ", ".join(tags[:20]) + (" …" if len(tags) > 20 else "") if tags else "none"
