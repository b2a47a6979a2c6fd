"""SQL functions that the databases call by different names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class position(FunctionElement[int]):  # noqa: N801 - reads as SQL's functions do
    """`position(text, part)`: where the part begins in the text, from 1 on; 0 if it does not stand there."""

    type = Integer()
    inherit_cache = True


@compiles(position)
def _sqlite(element: position, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(position, "postgresql")
def _postgres(element: position, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"
