"""The functions that `do:` in a map applies to a value, one after the other.

    do: [trim, {case: upper}, {round: {decimals: 2, half: even}}]

`FUNCTIONS` describes each: its arguments, help and worked examples; validation, the reference page,
the JSON Schema and the first tests come from there.
"""

from collections.abc import Mapping
from typing import Final

from redrive.core.functions import date, number, references, scripts, text, value
from redrive.core.functions.describe import Argument, Example, Function, FunctionInvalid
from redrive.core.functions.pipeline import Functions, functions_schema
from redrive.core.functions.references import Asked, References
from redrive.core.functions.scripts import as_script

FUNCTIONS: Final[Mapping[str, Function]] = {
    function.name: function
    for function in (
        *text.FUNCTIONS,
        *number.FUNCTIONS,
        *date.FUNCTIONS,
        *value.FUNCTIONS,
        *references.FUNCTIONS,
        *scripts.FUNCTIONS,
    )
}

__all__ = [
    "FUNCTIONS",
    "Argument",
    "Asked",
    "Example",
    "Function",
    "FunctionInvalid",
    "Functions",
    "References",
    "as_script",
    "functions_schema",
]
