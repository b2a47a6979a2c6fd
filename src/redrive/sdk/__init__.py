"""All that a plug-in imports: shapes, connectors, triggers and viewers see the world through here."""

from redrive.core.conditions import Condition
from redrive.core.formats import JSON, is_json
from redrive.core.functions import Functions
from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.members import elements, members
from redrive.core.paths import Each, Fields, Path, Segment
from redrive.core.template import Templated, spell
from redrive.sdk.content import Content, MemoryContent
from redrive.sdk.context import StepContext, StepLog
from redrive.sdk.delivery import Claim, Decision, Entry, Ledger, LeftOut, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.fields import ConditionField, Example, Field, FunctionsField, PathText, TemplatedValue
from redrive.sdk.payload import Bucket, Envelope, Payload, batched
from redrive.sdk.reading import Elements, RawReader, TextFields, spelt, unreadable
from redrive.sdk.rendering import ItemTest, Missing, apply, render
from redrive.sdk.shape import GatherShape, Out, Shape

__all__ = [
    "JSON",
    "MISSING",
    "Answer",
    "Bucket",
    "Claim",
    "Condition",
    "ConditionField",
    "Content",
    "Decision",
    "Each",
    "Elements",
    "Entry",
    "Envelope",
    "Example",
    "Field",
    "Fields",
    "Functions",
    "FunctionsField",
    "GatherShape",
    "Item",
    "ItemTest",
    "Ledger",
    "LeftOut",
    "MemoryContent",
    "Missing",
    "Out",
    "Outcome",
    "Path",
    "PathText",
    "Payload",
    "RawReader",
    "Request",
    "Segment",
    "Shape",
    "StepContext",
    "StepLog",
    "Templated",
    "TemplatedValue",
    "TextFields",
    "UnknownRequest",
    "apply",
    "batched",
    "decode",
    "elements",
    "encode",
    "is_json",
    "members",
    "render",
    "spell",
    "spelt",
    "unreadable",
]
