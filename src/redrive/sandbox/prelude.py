"""What stands in each session before the user's script: reading and writing payloads, in there.

Payloads cross as JSON text, not as values: that is several times as fast, and what comes back can be
nothing but text. A Decimal goes out as a text that begins with a mark which only this session knows; the
host takes the quotes off. What the functions need is bound at their definition, so that a script that
calls something `list` or `json` does not break them. A script that sets out to disturb them spoils its
own result only: the host takes nothing that comes out of a session for granted.

The text is plain enough for both interpreters.
"""

from __future__ import annotations

from typing import Final

NUMBER: Final = rb"(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
"""How a number comes out, between mark and quote."""

SOURCE: Final = """
import datetime as __redrive_datetime
import decimal as __redrive_decimal
import json as __redrive_json

__redrive_at = [0, "read"]
__redrive_left = [{}, {}, ""]

def __redrive_read(text, exact, loads=__redrive_json.loads, Decimal=__redrive_decimal.Decimal, str=str):
    spelt = {}
    if not exact:
        return loads(text, parse_float=Decimal), spelt
    def number(digits):
        value = Decimal(digits)
        spelt[str(value)] = digits
        return value
    return loads(text, parse_float=number), spelt

def __redrive_plain(
    value, mark, spelt, type=type, isinstance=isinstance, str=str, int=int, bool=bool, float=float, dict=dict,
    list=list, tuple=tuple, ValueError=ValueError, Decimal=__redrive_decimal.Decimal,
    date=__redrive_datetime.date, datetime=__redrive_datetime.datetime,
):
    kind = type(value)
    if kind is str or kind is int or value is None or kind is bool:
        return value
    if kind is dict:
        return {key: __redrive_plain(each, mark, spelt) for key, each in value.items()}
    if kind is list or kind is tuple:
        return [__redrive_plain(each, mark, spelt) for each in value]
    if kind is Decimal:
        if not value.is_finite():
            raise ValueError("infinity and not-a-number are no JSON numbers")
        text = str(value)
        return mark + spelt.get(text, text)
    if kind is date or kind is datetime:
        return value.isoformat()
    if isinstance(value, dict):
        return {key: __redrive_plain(each, mark, spelt) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [__redrive_plain(each, mark, spelt) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return value

def __redrive_marked(
    value, mark, spelt, type=type, repr=repr, dict=dict, list=list, tuple=tuple
):
    # As __redrive_plain, but only where a Decimal stands: most of a record passes without a look.
    kind = type(value)
    if kind is dict:
        return {
            key: __redrive_marked(each, mark, spelt) if "Decimal(" in repr(each) else each
            for key, each in value.items()
        }
    if kind is list or kind is tuple:
        return [__redrive_marked(each, mark, spelt) if "Decimal(" in repr(each) else each for each in value]
    return __redrive_plain(value, mark, spelt)

def __redrive_write(value, mark, spelt, dumps=__redrive_json.dumps, TypeError=TypeError):
    try:
        return dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except TypeError:
        pass
    try:
        plain = __redrive_marked(value, mark, spelt)
        return dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except TypeError:
        plain = __redrive_plain(value, mark, spelt)
        return dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

def __redrive_begin(meta, variables, mark):
    __redrive_left[0] = __redrive_read(meta, False)[0]
    __redrive_left[1] = __redrive_read(variables, False)[0]
    __redrive_left[2] = __redrive_write(__redrive_left[:2], mark, {})

def __redrive_end(mark):
    __redrive_at[1] = "end"
    text = __redrive_write(__redrive_left[:2], mark, {})
    return None if text == __redrive_left[2] else text

def __redrive_called(function, count, value):
    if count >= 3:
        return function(value, __redrive_left[0], __redrive_left[1])
    if count == 2:
        return function(value, __redrive_left[0])
    return function(value)

def __redrive_each(items, first, exact, function, count, mark, enumerate=enumerate, repr=repr):
    outs = []
    for number, text in enumerate(items):
        __redrive_at[0] = first + number
        __redrive_at[1] = "read"
        value, spelt = __redrive_read(text, exact)
        before = repr(value)
        __redrive_at[1] = "call"
        result = __redrive_called(function, count, value)
        __redrive_at[1] = "write"
        if repr(result) == before:
            outs.append(True)
        elif result is None:
            outs.append(None)
        else:
            outs.append(__redrive_write(result, mark, spelt))
    return outs

def __redrive_whole(kind, given, exact, function, count, mark, repr=repr, isinstance=isinstance, str=str,
                    bytes=bytes):
    __redrive_at[0] = 0
    __redrive_at[1] = "read"
    spelt = {}
    value = given
    if kind == "json":
        value, spelt = __redrive_read(given, exact)
    before = repr(value)
    __redrive_at[1] = "call"
    result = __redrive_called(function, count, value)
    __redrive_at[1] = "write"
    if repr(result) == before:
        return ["same", None]
    if result is None:
        return ["none", None]
    if kind != "json" and isinstance(result, str):
        return ["text", result]
    if kind != "json" and isinstance(result, bytes):
        return ["bytes", result]
    return ["json", __redrive_write(result, mark, spelt)]

def __redrive_run(arguments, exact, function, mark):
    __redrive_at[0] = 0
    __redrive_at[1] = "read"
    values, spelt = __redrive_read(arguments, exact)
    __redrive_at[1] = "call"
    result = function(*values)
    __redrive_at[1] = "write"
    return __redrive_write(result, mark, spelt)
"""
