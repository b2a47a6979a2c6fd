"""What goes to stdout and stderr: tables, JSON, exact bytes, errors; hostile text made visible."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

from redrive.core.counting import counted
from redrive.core.jsonvalue import encode
from redrive.errors import FlowInvalid, RedriveError

if TYPE_CHECKING:
    from rich.console import Console

    from redrive.client.records import View

_STYLES: Final = {
    "success": "green",
    "delivered": "green",
    "kept": "green",
    "failure": "bold red",
    "rejected": "red",
    "error": "red",
    "partial_success": "yellow",
    "unknown": "yellow",
    "warning": "yellow",
    "stopped": "yellow",
    "running": "cyan",
    "begun": "cyan",
}


def visible(text: str, *, lines: bool = False) -> str:
    """Text that a terminal shows and never obeys: control characters become signs (␛), also bidi marks.

    With `lines`, line ends and tabs stay.
    """
    return "".join(_sign(one) if _obeyed(one, lines=lines) else one for one in text)


def _obeyed(one: str, *, lines: bool) -> bool:
    if lines and one in "\n\t":
        return False
    # Cc: C0, DEL and C1; Cf: bidi overrides and their like; Cs: halves that cannot be written.
    return unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and one != "\u00ad"


def _sign(one: str) -> str:
    number = ord(one)
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "␡"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def cell(value: Any) -> str:
    """A value as one cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, (dict, list)):
        return visible(encode(value).decode())
    return visible(str(value))


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(duration: float | None) -> str:
    if duration is None:
        return "-"
    if duration < 1:
        return f"{duration * 1000:.0f} ms"
    if duration < 60:
        return f"{duration:.2f} s"
    minutes, rest = divmod(int(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def size(count: int) -> str:
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


class Output:
    """The two streams of one command: data to stdout, talk to stderr."""

    def __init__(self, *, json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.json = json
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def aside(self) -> Output:
        """An output whose data goes to stderr, as talk."""
        return Output(json=False, out=self._err, err=self._err)

    @property
    def on_terminal(self) -> bool:
        return self._out.isatty()

    @property
    def may_ask(self) -> bool:
        """Whether a person is there: questions go to stderr, answers come from stdin."""
        return sys.stdin is not None and sys.stdin.isatty() and self._err.isatty()

    @property
    def shows_progress(self) -> bool:
        return self._err.isatty() and not self.json and os.environ.get("TERM") != "dumb"

    def bytes(self, data: bytes) -> None:
        """Exact bytes, after whatever text was printed before."""
        self._out.flush()
        buffer = getattr(self._out, "buffer", None)
        if buffer is None:
            self._out.write(data.decode("utf-8", "replace"))
            return
        buffer.write(data)
        buffer.flush()

    def text(self, text: str = "") -> None:
        """A line of ours; text from elsewhere goes through `visible` first."""
        print(_writable(text, self._out), file=self._out)

    def note(self, text: str = "") -> None:
        """A line for the person at the terminal, on stderr; never with `--json`."""
        if not self.json:
            print(_writable(text, self._err), file=self._err, flush=True)

    def value(self, value: Any) -> None:
        """JSON on stdout: one document, whose numbers keep their digits."""
        self.bytes(_pretty(encode(value), wide=self.on_terminal) + b"\n")

    def view(self, view: View) -> None:
        self.bytes(_pretty(view.to_json(), wide=self.on_terminal) + b"\n")

    def page(self, items: Sequence[View], next_cursor: str | None) -> None:
        """A list as JSON: `{"items": [...], "next": null}`."""
        self.value({"items": [item.model_dump(by_alias=True) for item in items], "next": next_cursor})

    def table(self, names: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
        """A table: drawn on a terminal, plain columns when piped; `empty` is said where there is no row."""
        cells = [[cell(value) for value in row] for row in rows]
        if not cells:
            self.note(empty)
            return
        if self.on_terminal:
            self.rich().print(_drawn(names, cells))
            return
        widths = [max(len(row[at]) for row in [list(names), *cells]) for at in range(len(names))]
        for row in [[name.upper() for name in names], *cells]:
            self.text("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())

    def facts(self, facts: Iterable[tuple[str, Any]]) -> None:
        """Named values, one a line; those that are None are left out."""
        known = [(name, cell(value)) for name, value in facts if value is not None]
        width = max((len(name) for name, _ in known), default=0)
        for name, text in known:
            self.text(f"{name.ljust(width)}  {text}")

    def rich(self, *, err: bool = False) -> Console:
        """A rich console that takes no markup, no emoji names and no guesses from texts."""
        from rich.console import Console

        stream = self._err if err else self._out
        return Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=False)

    def ask(self, question: str) -> bool:
        """A yes or no from the person at the terminal; no answer is a no."""
        print(f"{visible(question)} [y/N] ", end="", file=self._err, flush=True)
        try:
            return input().strip().lower() in {"y", "yes"}
        except EOFError:
            return False


def _drawn(names: Sequence[str], cells: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
    return table


def _writable(text: str, stream: TextIO) -> str:
    """What the stream's encoding lacks is written as escapes: an old code page must not end the command."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _pretty(json: bytes, *, wide: bool) -> bytes:
    if not wide:
        return json
    import msgspec

    # On a terminal no control character reaches it either: JSON escapes C0, this the others.
    return visible(msgspec.json.format(json, indent=2).decode(), lines=True).encode()


def write_error(error: RedriveError, *, as_json: bool, stream: TextIO | None = None) -> None:
    """The error on stderr: as one JSON object, or what, where, and how to get out."""
    err = stream or sys.stderr
    if as_json:
        print(encode(error.as_dict()).decode(), file=err)
        return
    lines = []
    if isinstance(error, FlowInvalid):
        lines += [visible(str(problem)) for problem in error.problems]
        count = len(error.problems)
        lines.append(f"Error: {counted(count, 'problem')} ({error.code})")
    else:
        lines.append(f"Error: {visible(error.detail)} ({error.code})")
        if error.at and error.at not in error.detail:
            lines.append(f"  at: {visible(error.at)}")
    if error.hint:
        lines.append(f"  hint: {visible(error.hint)}")
    for line in lines:
        print(_writable(line, err), file=err)
