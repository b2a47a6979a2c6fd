"""All that a plug-in imports: shapes, connectors, triggers and viewers see the world through here."""

from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.sdk.content import Content, MemoryContent
from redrive.sdk.context import StepContext, StepLog
from redrive.sdk.delivery import Claim, Decision, Entry, LeftOut, Ledger, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.fields import Example, Field
from redrive.sdk.payload import Bucket, Envelope, Payload, batched
from redrive.sdk.shape import GatherShape, Out, Shape

__all__ = [
    "MISSING",
    "Answer",
    "Bucket",
    "Claim",
    "Content",
    "Decision",
    "Entry",
    "Envelope",
    "Example",
    "Field",
    "GatherShape",
    "Item",
    "LeftOut",
    "Ledger",
    "MemoryContent",
    "Out",
    "Outcome",
    "Payload",
    "Request",
    "Shape",
    "StepContext",
    "StepLog",
    "UnknownRequest",
    "batched",
    "decode",
    "encode",
]
