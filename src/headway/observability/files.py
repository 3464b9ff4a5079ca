"""Events in a file, one JSON object a line; full files are kept beside it, up to a number."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from headway.observability.log import LogWriter, exchange_lines
from headway.types import ExchangeEvent, JsonlSink


class RotatingFile:
    """A file that is opened when first written to. Errors are `OSError`; what was written in part is taken back."""

    def __init__(self, path: Path, size: int, keep: int) -> None:
        self._path = path
        self._most = size
        self._keep = keep
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, lines: bytes, /) -> None:
        file = self._file or self._open()
        if self._size and self._size + len(lines) > self._most:
            self.close()
            self._shift()
            file = self._open()
        try:
            file.write(lines)
            file.flush()
        except OSError:
            self.close()  # what its buffer holds is gone with it
            with suppress(OSError):
                os.truncate(self._path, self._size)
            raise
        self._size += len(lines)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _open(self) -> BinaryIO:
        file = self._file = self._path.open("ab")
        self._size = file.tell()
        return file

    def _shift(self) -> None:
        """`events.jsonl` becomes `events.jsonl.1`, and so on; the oldest goes."""
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._keep + 1))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)
        if self._keep == 0:
            self._path.unlink(missing_ok=True)


class JsonlPipe:
    """Writes events as the log does, in a thread of its own."""

    def __init__(self, sink: JsonlSink, worker: int | None) -> None:
        """`worker` is the number of this process where several would write to the same file."""
        path = Path(sink.path)
        if worker is not None:
            path = path.with_name(f"{path.stem}.{worker}{path.suffix}")
        self._lost = 0
        self._file = RotatingFile(path, sink.size, sink.keep)
        self._writer = LogWriter(self._file, self._lose)

    def lost(self) -> dict[str, int]:
        return {"events": self._lost}

    def take(self, events: list[ExchangeEvent]) -> None:
        self._writer.write(exchange_lines(events))

    def close(self, timeout: float) -> None:
        self._writer.close(timeout)
        self._file.close()

    def _lose(self, lines: int) -> None:
        self._lost += lines
