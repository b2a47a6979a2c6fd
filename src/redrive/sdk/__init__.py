"""All that a plug-in imports: shapes, connectors, triggers and viewers see the world through here."""

from redrive.core.conditions import Compared, Condition, ConditionInvalid
from redrive.core.functions import FunctionInvalid, Functions
from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.nearest import nearest
from redrive.core.paths import EACH, Fields, Path, PathInvalid
from redrive.core.template import Template, Templated, TemplateInvalid, TemplateMissing, compile_value, spell
from redrive.sdk.content import Content, MemoryContent
from redrive.sdk.context import StepContext, StepLog
from redrive.sdk.delivery import Claim, Decision, Entry, Ledger, LeftOut, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.fields import (
    ConditionField,
    ConnectorConditionField,
    ConnectorTemplatedValue,
    Example,
    Field,
    FunctionsField,
    PathText,
    TemplatedValue,
)
from redrive.sdk.payload import Bucket, Envelope, Payload, batched
from redrive.sdk.shape import GatherShape, Out, Shape

__all__ = [
    "EACH",
    "MISSING",
    "Answer",
    "Bucket",
    "Claim",
    "Compared",
    "Condition",
    "ConditionField",
    "ConditionInvalid",
    "ConnectorConditionField",
    "ConnectorTemplatedValue",
    "Content",
    "Decision",
    "Entry",
    "Envelope",
    "Example",
    "Field",
    "Fields",
    "FunctionInvalid",
    "Functions",
    "FunctionsField",
    "GatherShape",
    "Item",
    "Ledger",
    "LeftOut",
    "MemoryContent",
    "Out",
    "Outcome",
    "Path",
    "PathInvalid",
    "PathText",
    "Payload",
    "Request",
    "Shape",
    "StepContext",
    "StepLog",
    "Template",
    "TemplateInvalid",
    "TemplateMissing",
    "Templated",
    "TemplatedValue",
    "UnknownRequest",
    "batched",
    "compile_value",
    "decode",
    "encode",
    "nearest",
    "spell",
]
