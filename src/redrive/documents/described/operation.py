"""One operation of a description as one endpoint: its parameters, its body, its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from redrive.documents.described.bodies import Body, body_of
from redrive.documents.described.model import Draft, Note, Unfit, text_of
from redrive.documents.described.names import Parameters
from redrive.documents.described.pages import Paging, paging, records
from redrive.documents.described.references import References
from redrive.documents.described.schemas import Schemas, enum_of, first_example

_IN_PATH: Final = re.compile(r"\{([^{}]*)\}")
_IDEMPOTENCY: Final = re.compile(r"idempotency[-_]?key|x-idempotency", re.IGNORECASE)
_BY_ITSELF: Final = frozenset({"accept", "content-type", "authorization", "content-length", "host", "cookie"})
_SEARCHES: Final = re.compile(r"(?:^|[-_/])(search|query|list|find|filter|lookup)(?:$|[-_/])", re.IGNORECASE)
_RATE: Final = re.compile(r"rate-?limit|^retry-after$", re.IGNORECASE)
_FLAGS: Final = ("ok", "success")
_MOST_PARAMETERS: Final = 200
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array"})


@dataclass(frozen=True)
class Operation:
    """`shared`: the path item that it stands in."""

    title: str
    name: str
    method: str
    path: str
    about: Mapping[str, Any]
    shared: Mapping[str, Any]


@dataclass
class _Parameter:
    name: str
    where: str
    about: Mapping[str, Any]
    schema: Mapping[str, Any]

    @property
    def required(self) -> bool:
        return self.about.get("required") is True or self.where == "path"


class Maker:
    """Makes endpoints. `notes` tells what was left out or guessed."""

    def __init__(self, references: References, schemas: Schemas) -> None:
        self._references = references
        self._schemas = schemas
        self.notes: list[Note] = []
        self.rate_limit_headers: set[str] = set()

    def make(self, operation: Operation) -> Draft:
        """Errors: `Unfit`."""
        about = operation.about
        parameters = list(self._parameters(operation))
        answer, headers, answer_example = self._answer(about)
        body = body_of(about.get("requestBody"), self._references, self._schemas, self._note_of(operation))
        direction, why = self._direction(operation, answer)
        comments: dict[str, str] = {}
        document: dict[str, Any] = {"direction": direction}
        if why:
            comments["direction"] = why
        if words := self._description(about):
            document["description"] = words
        request: dict[str, Any] = {"method": operation.method, "path": operation.path}
        document["request"] = request
        given: dict[str, Any] = {}
        names = Parameters()
        taken: tuple[str, ...] = ()
        items: str | None = None
        pages = None
        if direction == "receive":
            queries = {one.name: one.schema for one in parameters if one.where == "query"}
            items, pages = self._pages(operation, queries, answer, headers, comments)
            taken = pages.taken
        request["path"] = self._path(operation, parameters, given, names)
        query = self._query(operation, parameters, given, names, taken)
        sent = self._headers(operation, parameters, given, names, document, direction)
        if query:
            request["query"] = query
        if sent:
            request["headers"] = sent
        self._put_body(operation, body, document, given, names, comments)
        if given:
            document["with"] = given
        if items is not None:
            document["items"] = items
        if pages is not None and pages.document is not None:
            document["paginate"] = pages.document
        self._success(answer, document, comments)
        self._kept(operation, body, answer, answer_example, document)
        return Draft(operation.title, operation.name, document, comments)

    # ---- what it is

    def _pages(
        self,
        operation: Operation,
        queries: Mapping[str, Mapping[str, Any]],
        answer: Any,
        headers: Mapping[str, Any],
        comments: dict[str, str],
    ) -> tuple[str | None, Paging]:
        found = records(answer, operation.path, self._schemas)
        pages = paging(queries, answer, headers, found.path, self._schemas)
        if found.why:
            comments["items"] = found.why
        if pages.why:
            comments["paginate"] = pages.why
        return found.path, pages

    def _direction(self, operation: Operation, answer: Any) -> tuple[str, str]:
        if operation.method == "GET":
            return "receive", ""
        if operation.method == "POST":
            last = operation.path.rstrip("/").rsplit("/", 1)[-1]
            words = f"{last} {operation.name}".split()
            if any(_SEARCHES.search(word) for word in words):
                found = records(answer, operation.path, self._schemas)
                if found.path is not None:
                    return "receive", "a POST, but by its name and answer a search; else make it `send`"
        return "send", ""

    def _description(self, about: Mapping[str, Any]) -> str:
        words = text_of(about.get("summary"), 200) or text_of(about.get("description"), 300)
        return f"{words} (deprecated)".strip() if about.get("deprecated") is True else words

    def _note_of(self, operation: Operation) -> Any:
        return lambda text: self.notes.append(Note(operation.title, text))

    # ---- parameters

    def _parameters(self, operation: Operation) -> Iterator[_Parameter]:
        merged: dict[tuple[str, str], _Parameter] = {}
        for holder in (operation.shared, operation.about):
            listed = holder.get("parameters")
            for one in listed[:_MOST_PARAMETERS] if isinstance(listed, list) else ():
                about = self._references.of(one)
                if not isinstance(about, Mapping):
                    continue
                name, where = about.get("name"), about.get("in")
                if (
                    not isinstance(name, str)
                    or not name
                    or where not in {"path", "query", "header", "cookie"}
                ):
                    continue
                if len(name) > 200 or not name.isprintable() or "{{" in name:
                    raise Unfit(
                        "parameter",
                        "the name of a parameter cannot stand in a request",
                        "Mend the description.",
                    )
                schema = about.get("schema")
                if schema is None and isinstance(about.get("content"), Mapping):
                    schema = {"type": "string", "description": "JSON text"}
                merged[name, where] = _Parameter(name, where, about, self._schemas.resolved(schema or {}))
        yield from merged.values()

    def _declared(self, one: _Parameter) -> dict[str, Any]:
        """What `with` says about a parameter."""
        made: dict[str, Any] = {}
        kind = self._schemas.kind(one.schema)
        if kind in _TYPES:
            made["type"] = kind
        if one.required:
            made["required"] = True
        default = one.schema.get("default")
        if (
            isinstance(default, (str, int))
            and default != ""
            and len(str(default)) <= 200
            and not one.required
        ):
            made["default"] = default
        if values := enum_of(one.schema):
            made["one_of"] = list(values)
            if made.get("default") not in values:
                made.pop("default", None)
        if help_ := text_of(one.about.get("description") or one.schema.get("description"), 160):
            made["description"] = help_
        example = first_example(one.about, self._references)
        if example is None:
            example = one.schema.get("example")
        if isinstance(example, (str, int)) and not isinstance(example, bool) and 0 < len(str(example)) <= 80:
            made["example"] = example
        return made

    def _path(
        self,
        operation: Operation,
        parameters: list[_Parameter],
        given: dict[str, Any],
        names: Parameters,
    ) -> str:
        known = {one.name: one for one in parameters if one.where == "path"}
        pieces = _IN_PATH.split(operation.path)
        if any("{" in piece or "}" in piece for piece in pieces[0::2]):
            raise Unfit("path", "the braces in its path do not fit together", "Mend the description.")
        seen: dict[str, str] = {}
        made = []
        for number, piece in enumerate(pieces):
            if number % 2 == 0:
                made.append(piece)
                continue
            if piece not in seen:
                seen[piece] = names.name(piece)
                one = known.get(piece) or _Parameter(piece, "path", {}, {"type": "string"})
                given[seen[piece]] = self._declared(one)
            made.append(f"{{{{ with.{seen[piece]} }}}}")
        return "".join(made)

    def _query(
        self,
        operation: Operation,
        parameters: list[_Parameter],
        given: dict[str, Any],
        names: Parameters,
        taken: tuple[str, ...],
    ) -> dict[str, str]:
        query: dict[str, str] = {}
        for one in parameters:
            if one.where != "query" or one.name in taken:
                continue
            if self._schemas.kind(one.schema) == "object":
                self._spread(operation, one, query, given, names)
                continue
            name = names.name(one.name)
            given[name] = self._declared(one)
            separated = one.about.get("explode") is False or one.about.get("style") in {
                "spaceDelimited",
                "pipeDelimited",
            }
            if given[name].get("type") == "array" and separated:
                mark = {"spaceDelimited": "a space", "pipeDelimited": "|"}.get(
                    str(one.about.get("style")), "a comma"
                )
                given[name]["type"] = "string"
                told = given[name].get("description", "")
                given[name]["description"] = f"Several are separated by {mark}. {told}".strip()
                given[name].pop("one_of", None)
                given[name].pop("default", None)
            query[one.name] = f"{{{{ with.{name} }}}}"
        return query

    def _spread(
        self,
        operation: Operation,
        one: _Parameter,
        query: dict[str, str],
        given: dict[str, Any],
        names: Parameters,
    ) -> None:
        """An object in the query: one parameter for each of its properties, where they are known."""
        properties = self._schemas.properties(one.schema)
        deep = one.about.get("style") == "deepObject"
        if not properties or len(properties) > 50:
            if one.required:
                raise Unfit(
                    "parameter",
                    f"its query parameter {one.name!r} is an object whose properties are not named",
                    "Write this endpoint by hand, with the properties that you need in `query`.",
                )
            self.notes.append(
                Note(
                    operation.title,
                    f"the query parameter {one.name!r} is an object of unknown properties: left out",
                )
            )
            return
        for key, inner in properties.items():
            if not key.isprintable() or "{{" in key or len(key) > 120:
                continue
            full = f"{one.name}[{key}]" if deep else key
            name = names.name(f"{one.name}_{key}" if deep else key)
            about = inner if isinstance(inner, Mapping) else {}
            part = _Parameter(
                full, "query", {"description": about.get("description")}, self._schemas.resolved(inner)
            )
            given[name] = self._declared(part)
            query[full] = f"{{{{ with.{name} }}}}"

    def _headers(
        self,
        operation: Operation,
        parameters: list[_Parameter],
        given: dict[str, Any],
        names: Parameters,
        document: dict[str, Any],
        direction: str,
    ) -> dict[str, str]:
        headers: dict[str, str] = {}
        for one in parameters:
            if one.where == "cookie":
                if one.required:
                    raise Unfit(
                        "parameter",
                        f"it needs the cookie {one.name!r}",
                        "Write this endpoint by hand, with a header `Cookie`.",
                    )
                self.notes.append(Note(operation.title, f"the cookie {one.name!r} was left out"))
            if one.where != "header" or one.name.casefold() in _BY_ITSELF:
                continue
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", one.name):
                raise Unfit(
                    "parameter", "the name of a header holds other characters", "Mend the description."
                )
            if _IDEMPOTENCY.search(one.name) and direction == "send":
                document["idempotency"] = {"header": one.name}
                continue
            name = names.name(one.name)
            given[name] = self._declared(one)
            headers[one.name] = f"{{{{ with.{name} }}}}"
        return headers

    # ---- body and answer

    def _put_body(
        self,
        operation: Operation,
        body: Body | None,
        document: dict[str, Any],
        given: dict[str, Any],
        names: Parameters,
        comments: dict[str, str],
    ) -> None:
        if body is None:
            return
        if document["direction"] == "receive":
            if operation.method == "GET":
                self.notes.append(Note(operation.title, "a GET with a body: the body was left out"))
                return
            name = names.name("body")
            sample = body.sample if isinstance(body.sample, dict) else {}
            given[name] = {"description": "What is asked for.", "default": {}}
            if sample:
                given[name]["example"] = sample
            document["request"]["body"] = f"{{{{ with.{name} }}}}"
            return
        for field, declared in body.declared.items():
            if names.name(field) != field:
                raise Unfit(
                    "parameter",
                    f"its body and its address both have a {field!r}",
                    "Write this endpoint by hand, with two names.",
                )
            given[field] = declared
        document["request"] |= body.request
        if body.per == "item":
            document["per"] = "item"
            comments["per"] = "the body is one object: a list is sent item by item"

    def _answer(self, about: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any], Any]:
        """Schema, headers and example of the first success."""
        responses = about.get("responses")
        responses = responses if isinstance(responses, Mapping) else {}
        for status in sorted(map(str, responses), key=lambda one: (one == "default", one)):
            if not (status.startswith("2") or status == "default"):
                continue
            try:
                response = self._references.of(responses.get(status))
            except Unfit:
                continue
            if not isinstance(response, Mapping):
                continue
            headers = response.get("headers")
            headers = headers if isinstance(headers, Mapping) else {}
            self.rate_limit_headers.update(str(one) for one in headers if _RATE.search(str(one)))
            content = response.get("content")
            for media_type, detail in content.items() if isinstance(content, Mapping) else ():
                if is_json(str(media_type)) and isinstance(detail, Mapping):
                    return detail.get("schema") or {}, headers, first_example(detail, self._references)
            if status != "default":
                return {}, headers, None
        return {}, {}, None

    def _success(self, answer: Any, document: dict[str, Any], comments: dict[str, str]) -> None:
        for name, inner in self._schemas.properties(answer).items():
            if name in _FLAGS and self._schemas.kind(inner) == "boolean":
                document["success"] = {"unless": {"field": name, "is": False}}
                comments["success"] = f"the answer says by `{name}` whether it was carried out"
                return

    def _kept(
        self,
        operation: Operation,
        body: Body | None,
        answer: Any,
        example: Any,
        document: dict[str, Any],
    ) -> None:
        """Schemas and samples: what flows are built and tested with."""
        self._schemas.cut = False
        if body is not None and document["direction"] == "send" and body.schema is not None:
            document["payload"] = _about(
                self._schemas.kept(body.schema),
                body.sample if body.sample is not None else self._schemas.sample(body.schema, writing=True),
            )
        if answer:
            sample = self._schemas.bounded(example) if example is not None else self._schemas.sample(answer)
            document["answer"] = _about(self._schemas.kept(answer), sample)
        for name in ("payload", "answer"):
            if not document.get(name, True):
                del document[name]
        self._schemas.cut = False


def is_json(media_type: str) -> bool:
    kind = media_type.partition(";")[0].strip().casefold()
    return kind in {"application/json", "*/*", "text/json", "application/*"} or kind.endswith("+json")


def _about(schema: Any, sample: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if schema:
        made["schema"] = schema
    if sample is not None:
        made["sample"] = sample
    return made
