"""Shapes and a protocol for the tests of documents: the kinds of settings there are, and owned steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from redrive.registry import Registry
from redrive.sdk.connection import DocumentProblem
from redrive.sdk.fields import ConditionField, Field, PathText, TemplatedValue
from redrive.sdk.shape import Out, Shape


class Quiet(Shape):
    """Puts nothing out."""

    async def run(self, payload: Any, ctx: Any) -> AsyncIterator[Out]:
        for out in ():
            yield out


class Connector(Quiet, kind="connector"):
    """Pulls or sends."""

    connection: str = Field(help="The connection to use.")
    endpoint: str = Field(help="The endpoint to call.")
    with_: dict[str, TemplatedValue] = Field({}, alias="with", help="Parameters.")
    key: PathText | None = Field(None, help="The delivery key.")
    delivery: Literal["send_changed", "skip_delivered", "send_all"] | None = Field(None, help="The policy.")


class Filter(Quiet, kind="filter"):
    """Keeps items."""

    keep: ConditionField | None = Field(None, help="Items to keep.")
    drop: ConditionField | None = Field(None, help="Items to drop.")


class FlowControl(Quiet, kind="flow_control"):
    """Batches."""

    size: int = Field(100, ge=1, le=1000, unit="items", help="Most items in a payload.")
    ratio: float = Field(1.0, gt=0, help="A number.")
    level: PathText | None = Field(None, help="A path.")


class SetVariables(Quiet, kind="set_variables"):
    """Sets variables."""

    variables: dict[str, TemplatedValue] = Field({}, help="Values by name.")


class Script(Quiet, kind="script"):
    """Runs text that is no template."""

    code: str = Field(help="Python.", min_length=1)


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Case(Model):
    case: Literal["upper", "lower"]


class Round(Model):
    round: int = Field(help="Digits.", ge=0)


class Target(Model):
    to: str
    do: list[Case | Round | str] = Field([], help="Functions.")


class Map(Quiet, kind="map"):
    """Builds records."""

    fields: list[Target] = Field(help="Target fields.", min_length=1)


class RoutePath(Model):
    id: str
    when: ConditionField | None = None


class Otherwise(Model):
    note: str = ""


class Route(Quiet, kind="route"):
    """Sends items down paths."""

    owns_steps: ClassVar[tuple[str, ...]] = ("paths[].steps", "otherwise.steps")

    send_to: Literal["first", "all"] = Field("all", help="How many paths.")
    paths: list[RoutePath] = Field(help="The paths.")
    otherwise: Otherwise | None = Field(None, help="For the rest.")


class Try(Quiet, kind="try"):
    """Catches failures."""

    owns_steps: ClassVar[tuple[str, ...]] = ("steps", "catch")

    on_failure: Literal["partial_success", "success", "failure"] = Field("failure", help="How it ends.")


class Address(Model):
    """The model of a protocol's documents."""

    connector: str
    description: str = ""
    protocol: str = "http"
    endpoints: dict[str, Any]
    base_url: str


class Http:
    """A protocol that knows one thing that can be wrong."""

    name = "http"
    model = Address

    def check(self, document: Mapping[str, Any]) -> list[DocumentProblem]:
        if "base_url" in document:
            return []
        return [DocumentProblem("/base_url", "'base_url' is missing", "the system's address")]

    def open(self, info: Any) -> Any:
        raise AssertionError("documents open nothing")


def registry() -> Registry:
    return Registry(
        shapes=[Connector, Filter, FlowControl, SetVariables, Script, Map, Route, Try], protocols=[Http]
    )
