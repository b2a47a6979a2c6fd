"""A Postman collection (2.0, 2.1): its requests as endpoints, its variables as settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from redrive.core.counting import counted
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
from redrive.documents.described.names import Parameters, endpoint_names, kebab
from redrive.documents.described.pages import paging, records
from redrive.documents.described.postman_auth import authentication_of
from redrive.documents.described.postman_parts import (
    SENSITIVE,
    VARIABLE,
    address_of,
    json_of,
    pairs_of,
    said,
    schema_of,
    spells,
    url_part,
    variables_of,
    whole_number,
    without_secrets,
)
from redrive.documents.described.references import References
from redrive.documents.described.schemas import Schemas
from redrive.documents.described.security import literal, quoted

MAX_REQUESTS: Final = 5_000
MAX_DEPTH: Final = 30
_SENDS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_BY_HAND: Final = "Write this endpoint by hand (docs: write a connector)."
_SKIPPED: Final = frozenset(
    {"authorization", "content-type", "content-length", "host", "accept", "user-agent"}
)


class Found(NamedTuple):
    """One request with the folders that it stands in."""

    name: str
    folders: tuple[str, ...]
    item: Mapping[str, Any]
    request: Mapping[str, Any]
    method: str
    host: str
    """Everything before the path, with Postman's variables."""
    path: str

    @property
    def title(self) -> str:
        return f"{self.method} {text_of(self.path, 300)}"


def read_postman(document: Mapping[str, Any], name: str, wanted: Wanted, nodes: int) -> Described:
    """`nodes`: most values of a schema or sample that is kept. Errors: `DescriptionInvalid`."""
    return _Reader(document, name, wanted, nodes).run()


class _Reader:
    def __init__(self, document: Mapping[str, Any], name: str, wanted: Wanted, nodes: int) -> None:
        self._document = document
        self._wanted = wanted
        self._schemas = Schemas(References({}), nodes)
        info = document["info"]
        title = text_of(info.get("name"), 100)
        self._made = Described(
            kind="Postman collection",
            title=title or name,
            version=text_of(str(info.get("version") or ""), 40)
            if isinstance(info.get("version"), str)
            else "",
            name=wanted.name or kebab(title, 60) or name,
            nodes=nodes,
        )
        self._made.head["description"] = text_of(said(info.get("description")), 300)
        self._variables = dict(variables_of(document.get("variable")))

    def run(self) -> Described:
        made = self._made
        found = list(self._requests(self._document.get("item"), (), 0))
        if not found:
            raise DescriptionInvalid(
                "the collection holds no request", code="description.empty", hint="Export one that does."
            )
        made.operations = len(found)
        chosen = self._chosen(found)
        # Requests of one method and path differ in their example bodies only: the first one stands.
        unique: dict[tuple[str, str, str], Found] = {}
        for one in chosen:
            if unique.setdefault((one.host, *_shape(one)), one) is not one:
                made.notes.append(
                    Note(one.title, f"{text_of(one.name, 100)!r} is the same request once more")
                )
        made.chosen = len(unique)
        made.operations -= len(chosen) - len(unique)
        host = self._host(list(unique.values()))
        names = endpoint_names([(one.name, *_shape(one)) for one in unique.values()])
        auth = authentication_of(self._auths(unique.values()))
        made.head["base_url"] = self._base(host)
        if auth.document is not None:
            made.head["authentication"] = auth.document
        made.notes += [Note("", text) for text in auth.notes]
        made.settings += [one for one in auth.settings if one.name not in {s.name for s in made.settings}]
        for one in unique.values():
            try:
                if one.host != host:
                    raise Unfit(
                        "server",
                        f"it lives on another server than the rest ({text_of(one.host, 100) or 'none'})",
                        "Import it into a connector of its own: --only NAME --name OTHER.",
                    )
                made.endpoints.append(self._endpoint(one, names[" ".join(_shape(one))]))
            except Unfit as unfit:
                made.refused.append(Refused(one.title, unfit.reason, unfit.why, unfit.way_out))
        return made

    # ---- requests

    def _requests(self, items: Any, folders: tuple[str, ...], depth: int) -> Iterator[Found]:
        if depth > MAX_DEPTH:
            raise DescriptionInvalid(
                f"the collection's folders are nested more than {MAX_DEPTH} levels deep",
                code="description.syntax",
            )
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, Mapping):
                continue
            name = text_of(item.get("name"), 120)
            if isinstance(item.get("item"), list):
                yield from self._requests(item["item"], (*folders, name), depth + 1)
                continue
            request = item.get("request")
            if isinstance(request, str):
                request = {"method": "GET", "url": request}
            if isinstance(request, Mapping):
                host, path = address_of(request.get("url"))
                method = str(request.get("method") or "GET").upper()[:20]
                yield Found(name, folders, item, request, method, host, path)

    def _chosen(self, found: Sequence[Found]) -> list[Found]:
        if len(found) > MAX_REQUESTS:
            raise DescriptionInvalid(
                f"the collection holds {len(found):,} requests; at most {MAX_REQUESTS:,} are read",
                code="description.too_large",
            )
        if not self._wanted.only:
            return list(found)
        used: set[str] = set()
        chosen = []
        for one in found:
            fits = [only for only in self._wanted.only if _fits(only, one)]
            used.update(fits)
            if fits:
                chosen.append(one)
        for only in self._wanted.only:
            if only not in used:
                known = sorted({name for one in found for name in (*one.folders, one.name, one.path)})
                near = nearest(only, known)
                raise DescriptionInvalid(
                    f"nothing in the collection has the folder, path or name {only!r}",
                    code="description.only",
                    at=only,
                    hint=f"Did you mean {near!r}?" if near else None,
                )
        return chosen

    def _auths(self, found: Any) -> Iterator[Any]:
        yield self._document.get("auth")
        for one in found:
            yield one.request.get("auth")

    # ---- address

    def _host(self, found: Sequence[Found]) -> str:
        """That of most requests: all of a connector's are on one."""
        if self._wanted.server is not None:
            return self._wanted.server
        counts = Counter(one.host for one in found)
        return max(counts, key=lambda host: (bool(host), counts[host]))

    def _base(self, host: str) -> str:
        pieces = VARIABLE.split(host)
        if len(pieces) == 1:
            known = host if host.startswith(("http://", "https://")) and quoted(host) else None
            self._setting("base_url", known, "Where the system is.")
            return (
                f"{{{{ connection.base_url | default({quoted(known)}) }}}}"
                if known
                else "{{ connection.base_url }}"
            )
        made = []
        for number, piece in enumerate(pieces):
            made.append(literal(piece) if number % 2 == 0 else self._read(piece))
        return "".join(made)

    def _read(self, variable: str) -> str:
        """The template that reads what Postman calls a variable."""
        secret = SENSITIVE.search(variable) is not None
        default = None if secret else self._variables.get(variable)
        name = self._setting(variable, default, "A variable of the collection.", secret=secret)
        made = quoted(default) if default else None
        return f"{{{{ connection.{name} | default({made}) }}}}" if made else f"{{{{ connection.{name} }}}}"

    def _setting(self, variable: str, default: str | None, help_: str, *, secret: bool = False) -> str:
        name = kebab(variable, 60).replace("-", "_") or "value"
        name = name if name[0].isalpha() else f"v_{name}"
        if name not in {one.name for one in self._made.settings}:
            self._made.settings.append(Setting(name, help_, secret=secret, default=default))
        return name

    # ---- one request

    def _endpoint(self, one: Found, name: str) -> Draft:
        receives = one.method == "GET"
        if not receives and one.method not in _SENDS:
            raise Unfit("method", f"{one.method} neither receives records nor sends them", _BY_HAND)
        answer = self._answer(one.item)
        schema = schema_of(answer)
        comments: dict[str, str] = {}
        document: dict[str, Any] = {"direction": "receive" if receives else "send"}
        if one.name:
            document["description"] = text_of(one.name, 160)
        request: dict[str, Any] = {"method": one.method, "path": ""}
        document["request"] = request
        given: dict[str, Any] = {}
        names = Parameters()
        request["path"] = self._path(one, given, names)
        queries = list(pairs_of(url_part(one.request, "query")))
        known = {key: {"type": "string", "default": whole_number(value)} for key, value, _, _ in queries}
        taken: tuple[str, ...] = ()
        if receives:
            taken = self._pages(one, known, schema, document, comments)
        if query := self._values(queries, given, names, taken):
            request["query"] = query
        heads = [one for one in pairs_of(one.request.get("header")) if one[0].casefold() not in _SKIPPED]
        if sent := self._values([one for one in heads if one[0].isascii()], given, names, ()):
            request["headers"] = sent
        sample = None if receives else self._body(one, document, comments)
        if given:
            document["with"] = given
        self._keep(document, sample, answer, schema)
        return Draft(one.title, name, document, comments)

    def _pages(
        self,
        one: Found,
        queries: Mapping[str, Mapping[str, Any]],
        schema: Any,
        document: dict[str, Any],
        comments: dict[str, str],
    ) -> tuple[str, ...]:
        """Guessed from the example; the query parameters that the pagination sends by itself."""
        found = records(schema, one.path, self._schemas)
        if found.path is not None:
            document["items"] = found.path
        if found.why:
            comments["items"] = f"in the example, {found.why}"
        pages = paging(queries, schema, self._headers_of_answer(one.item), found.path, self._schemas)
        if pages.document is not None:
            document["paginate"] = pages.document
        if pages.why:
            comments["paginate"] = pages.why
        return pages.taken

    def _path(self, one: Found, given: dict[str, Any], names: Parameters) -> str:
        about = {key: (value, help_) for key, value, help_, _ in pairs_of(url_part(one.request, "variable"))}
        made = []
        for part in one.path.split("/"):
            if part.startswith(":") and len(part) > 1:
                name = names.name(part[1:])
                _, help_ = about.get(part[1:], (None, ""))
                given[name] = {"type": "string", "required": True}
                if help_:
                    given[name]["description"] = help_
                made.append(f"{{{{ with.{name} }}}}")
                continue
            pieces = VARIABLE.split(part)
            for number in range(1, len(pieces), 2):
                variable = pieces[number]
                if self._variables.get(variable):
                    pieces[number] = self._read(variable)
                else:
                    name = names.name(variable)
                    given[name] = {"type": "string", "required": True}
                    pieces[number] = f"{{{{ with.{name} }}}}"
            if not "".join(pieces).isprintable():
                raise Unfit("path", "its path holds characters that no path of a request has", _BY_HAND)
            made.append("".join(pieces))
        return "/".join(made)

    def _values(
        self,
        pairs: Sequence[tuple[str, str | None, str, bool]],
        given: dict[str, Any],
        names: Parameters,
        taken: tuple[str, ...],
    ) -> dict[str, str]:
        made: dict[str, str] = {}
        for key, value, help_, disabled in pairs:
            if key in taken or not key or len(key) > 200 or not key.isprintable() or "{{" in key:
                continue
            if SENSITIVE.search(key):
                # A collection may hold real keys: they are asked for, not taken over.
                secret = self._setting(key, None, f"The value of {key}.", secret=True)
                made[key] = f"{{{{ connection.{secret} | default('') }}}}"
                continue
            name = names.name(key)
            declared: dict[str, Any] = {}
            variable = VARIABLE.fullmatch(value or "")
            if value and not disabled and not VARIABLE.search(value) and len(value) <= 200:
                declared["default"] = value
            elif variable and self._variables.get(variable[1]) and not disabled:
                declared["default"] = self._variables[variable[1]]
            if help_:
                declared["description"] = help_
            given[name] = declared
            made[key] = f"{{{{ with.{name} }}}}"
        return made

    def _body(self, one: Found, document: dict[str, Any], comments: dict[str, str]) -> Any:
        """The sample of what is sent."""
        body = one.request.get("body")
        if not isinstance(body, Mapping) or body.get("disabled") is True:
            return None
        request = document["request"]
        mode = body.get("mode")
        if mode == "graphql":
            raise Unfit(
                "body",
                "it is a GraphQL operation",
                "Write this endpoint by hand, with `graphql` (docs: call GraphQL, SOAP and JSON-RPC).",
            )
        if mode == "urlencoded":
            keys = [key for key, _, _, off in pairs_of(body.get("urlencoded")) if not off and spells(key)]
            if not keys:
                return None
            request["form"] = {key: f"{{{{ item.{key} | default(null) }}}}" for key in keys}
            document["per"] = "item"
            return {key: value or "" for key, value, _, _ in pairs_of(body.get("urlencoded")) if key in keys}
        if mode == "formdata":
            files = [
                p for p in body.get("formdata") or () if isinstance(p, Mapping) and p.get("type") == "file"
            ]
            if len(files) != 1 or not spells(str(files[0].get("key", ""))):
                raise Unfit(
                    "body",
                    f"it takes a form with {counted(len(files), 'upload')}, and a step sends one payload",
                    "Write this endpoint by hand, with `multipart` that says which part is the payload.",
                )
            request["multipart"] = {
                str(files[0]["key"]): {
                    "value": "{{ payload }}",
                    "filename": "{{ meta.filename | default('file') }}",
                }
            }
            return None
        raw = body.get("raw")
        if mode == "raw" and not raw:
            return None
        sample = json_of(raw)
        if isinstance(sample, dict):
            request["body"], document["per"] = "{{ item }}", "item"
            comments["per"] = "the body is one object: a list is sent item by item"
        else:
            request["body"] = "{{ payload }}"
        return sample

    def _answer(self, item: Mapping[str, Any]) -> Any:
        for response in item.get("response") or () if isinstance(item.get("response"), list) else ():
            if isinstance(response, Mapping) and str(response.get("code", "200")).startswith("2"):
                value = json_of(response.get("body"))
                if value is not None:
                    return value
        return None

    def _headers_of_answer(self, item: Mapping[str, Any]) -> dict[str, Any]:
        listed = item.get("response")
        first = (
            next((one for one in listed if isinstance(one, Mapping)), {}) if isinstance(listed, list) else {}
        )
        return {key: value for key, value, _, _ in pairs_of(first.get("header"))}

    def _keep(self, document: dict[str, Any], sample: Any, answer: Any, schema: Any) -> None:
        sample, answer = without_secrets(sample), without_secrets(answer)
        if sample is not None:
            kept = self._schemas.kept(schema_of(sample))
            document["payload"] = {
                **({"schema": kept} if kept else {}),
                "sample": self._schemas.bounded(sample),
            }
        if answer is not None:
            kept = self._schemas.kept(schema)
            document["answer"] = {
                **({"schema": kept} if kept else {}),
                "sample": self._schemas.bounded(answer),
            }


def _shape(one: Found) -> tuple[str, str]:
    """Method and path with its variables in braces."""
    parts = [
        f"{{{part[1:]}}}" if part.startswith(":") and len(part) > 1 else part for part in one.path.split("/")
    ]
    return one.method, VARIABLE.sub(lambda match: "{" + match[1] + "}", "/".join(parts))


def _fits(only: str, one: Found) -> bool:
    if only.startswith("/"):
        wanted = only.rstrip("/")
        return one.path == wanted or one.path.startswith(f"{wanted}/")
    folded = only.casefold()
    return folded in (name.casefold() for name in (*one.folders, one.name)) or only == kebab(one.name)
