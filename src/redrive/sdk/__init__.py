"""All that a plug-in imports: shapes, connectors, triggers and viewers see the world through here."""

from redrive.core.conditions import Condition
from redrive.core.counting import counted
from redrive.core.dates import parse_instant, spell_instant, zone
from redrive.core.durations import duration_s
from redrive.core.formats import JSON, XML, ItemReader, ItemsInvalid, is_json, is_xml, item_reader
from redrive.core.formats.xml_values import XmlValues
from redrive.core.functions import Asked, Functions
from redrive.core.invalid import Invalid
from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.members import elements, members
from redrive.core.nearest import nearest
from redrive.core.paths import Each, Fields, Path, Segment
from redrive.core.rows import Rows as RawRows
from redrive.core.template import CONNECTOR_ROOTS, Lenient, Templated, TemplateMissing, compile_value, spell
from redrive.core.template import spell as as_text
from redrive.sdk.allowance import Allowance
from redrive.sdk.answering import Answered, Reply
from redrive.sdk.calling import Called, Level
from redrive.sdk.connection import Connection, ConnectionInfo, ConnectorProtocol, DocumentProblem, Endpoint
from redrive.sdk.content import CHUNK_BYTES, Content, MemoryContent
from redrive.sdk.context import StepContext, StepLog
from redrive.sdk.delivery import Claim, Decision, Entry, Ledger, LeftOut, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.fields import (
    ConditionField,
    ConnectorConditionField,
    ConnectorTemplatedValue,
    Duration,
    Example,
    Field,
    FunctionsField,
    PathId,
    PathText,
    PlainName,
    SigningTemplatedValue,
    TemplatedValue,
)
from redrive.sdk.payload import MAX_VALUE_BYTES, Bucket, Envelope, Payload, batched
from redrive.sdk.playback import Playback, Played, PlayedFailure
from redrive.sdk.reading import Elements, RawReader, TextFields, indexable, spelt, unreadable
from redrive.sdk.references import (
    MAX_KEY_BYTES,
    Cache,
    CachedPayload,
    CacheScope,
    Direction,
    Lookup,
    Match,
    Pool,
    PoolKey,
)
from redrive.sdk.rendering import ItemTest, Missing, apply, render
from redrive.sdk.resolving import Resolver
from redrive.sdk.scripting import KEPT, Limits, Script, Session, Whole, check_script
from redrive.sdk.shape import GatherShape, Out, Shape, TreeShape
from redrive.sdk.tokens import Authorizes, MemoryTokens, Token, TokenStore

__all__ = [
    "CHUNK_BYTES",
    "CONNECTOR_ROOTS",
    "JSON",
    "KEPT",
    "MAX_KEY_BYTES",
    "MAX_VALUE_BYTES",
    "MISSING",
    "XML",
    "Allowance",
    "Answer",
    "Answered",
    "Asked",
    "Authorizes",
    "Bucket",
    "Cache",
    "CacheScope",
    "CachedPayload",
    "Called",
    "Claim",
    "Condition",
    "ConditionField",
    "Connection",
    "ConnectionInfo",
    "ConnectorConditionField",
    "ConnectorProtocol",
    "ConnectorTemplatedValue",
    "Content",
    "Decision",
    "Direction",
    "DocumentProblem",
    "Duration",
    "Each",
    "Elements",
    "Endpoint",
    "Entry",
    "Envelope",
    "Example",
    "Field",
    "Fields",
    "Functions",
    "FunctionsField",
    "GatherShape",
    "Invalid",
    "Item",
    "ItemReader",
    "ItemTest",
    "ItemsInvalid",
    "Ledger",
    "LeftOut",
    "Lenient",
    "Level",
    "Limits",
    "Lookup",
    "Match",
    "MemoryContent",
    "MemoryTokens",
    "Missing",
    "Out",
    "Outcome",
    "Path",
    "PathId",
    "PathText",
    "Payload",
    "PlainName",
    "Playback",
    "Played",
    "PlayedFailure",
    "Pool",
    "PoolKey",
    "RawReader",
    "RawRows",
    "Reply",
    "Request",
    "Resolver",
    "Script",
    "Segment",
    "Session",
    "Shape",
    "SigningTemplatedValue",
    "StepContext",
    "StepLog",
    "TemplateMissing",
    "Templated",
    "TemplatedValue",
    "TextFields",
    "Token",
    "TokenStore",
    "TreeShape",
    "UnknownRequest",
    "Whole",
    "XmlValues",
    "apply",
    "as_text",
    "batched",
    "check_script",
    "compile_value",
    "counted",
    "decode",
    "duration_s",
    "elements",
    "encode",
    "indexable",
    "is_json",
    "is_xml",
    "item_reader",
    "members",
    "nearest",
    "parse_instant",
    "render",
    "spell",
    "spell_instant",
    "spelt",
    "unreadable",
    "zone",
]
