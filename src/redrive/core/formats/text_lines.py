"""A text as JSON strings: one for each line, or one for all of it."""

from __future__ import annotations

from redrive.core.formats.base import BOM, ItemsInvalid
from redrive.core.jsonvalue import encode


class TextLines:
    """Feeds on UTF-8. Lines end with LF or CR LF; an empty line is a text too."""

    def __init__(self, *, lines: bool = True) -> None:
        self._lines = lines
        self._rest = b""
        self._begun = False
        self._at = 0

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]:
        """The texts that are complete by now. Errors: `ItemsInvalid`."""
        window = self._rest + data
        if not self._begun and (last or len(window) >= len(BOM)):
            self._begun = True
            window = window.removeprefix(BOM)
        end = (len(window) if last else window.rfind(b"\n") + 1) if self._lines or last else 0
        self._rest = window[end:]
        window = window[:end]
        if not window:
            return []
        try:
            text = window.decode()
        except UnicodeDecodeError as error:
            raise ItemsInvalid(
                f"not UTF-8 at byte {self._at + error.start}", hint="Name the encoding in read.encoding."
            ) from None
        self._at += len(window)
        if not self._lines:
            return [encode(text)]
        return [encode(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")]
