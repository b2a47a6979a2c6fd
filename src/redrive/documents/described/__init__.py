"""Connector documents made from descriptions of others: OpenAPI 3.x and Postman collections."""

from redrive.documents.described.convert import convert
from redrive.documents.described.model import Described, Draft, Note, Refused, Wanted

__all__ = ["Described", "Draft", "Note", "Refused", "Wanted", "convert"]
