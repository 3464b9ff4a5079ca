"""The log: valid lines, and a writer that loses lines rather than hold anybody up."""

from __future__ import annotations

import io
import json
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from headway.observability.log import MAX_BATCHES, LogWriter, exchange_lines, notice_line
from headway.types import AttemptRecord, ExchangeEvent, Secret, Usage

Make = Callable[..., ExchangeEvent]


class Stuck(io.BytesIO):
    """A reader that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.may = threading.Event()

    def write(self, data: Any, /) -> int:
        self.entered.set()
        assert self.may.wait(20)
        return super().write(data)


class Broken(io.BytesIO):
    """A reader that is gone for the first few writes."""

    def __init__(self, times: int, error: Exception) -> None:
        super().__init__()
        self.times = times
        self.error = error

    def write(self, data: Any, /) -> int:
        if self.times:
            self.times -= 1
            raise self.error
        return super().write(data)


@pytest.fixture
def lost() -> list[tuple[int, int]]:
    """How many lines were told lost, each time by which thread."""
    return []


@pytest.fixture
def teller(lost: list[tuple[int, int]]) -> Callable[[int], None]:
    return lambda lines: lost.append((lines, threading.get_ident()))


def test_lines_are_written_in_order(lost: list[tuple[int, int]], teller: Callable[[int], None]):
    out = io.BytesIO()
    writer = LogWriter(out, teller)
    for number in range(100):
        writer.write(b"%d\n" % number)
    writer.close()
    assert out.getvalue().split() == [b"%d" % number for number in range(100)]
    assert lost == []


def test_a_reader_that_takes_nothing_holds_up_nobody_and_what_is_lost_is_counted(
    lost: list[tuple[int, int]], teller: Callable[[int], None]
):
    out = Stuck()
    writer = LogWriter(out, teller)
    writer.write(b"first\n")
    assert out.entered.wait(20)
    for _ in range(MAX_BATCHES):
        writer.write(b"kept\nkept\n")
    assert lost == []
    for _ in range(3):
        writer.write(b"a\nb\n")
    assert [lines for lines, _ in lost] == [2, 2, 2]
    writer.close(timeout=0.01)  # nor does it hold up the end
    out.may.set()
    writer.close(timeout=20)
    assert out.getvalue() == b"first\n" + b"kept\n" * 2 * MAX_BATCHES


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "no space left"), ValueError("closed file")])
def test_lines_that_cannot_be_written_are_counted_and_later_ones_are_written(
    lost: list[tuple[int, int]], teller: Callable[[int], None], error: Exception
):
    out = Broken(2, error)
    writer = LogWriter(out, teller)
    writer.write(b"a\nb\n")
    writer.write(b"c\n")
    writer.write(b"d\n")
    writer.close(timeout=20)
    assert out.getvalue() == b"d\n"
    assert sum(lines for lines, _ in lost) == 3


def test_what_was_lost_is_told_by_the_thread_that_writes(lost: list[tuple[int, int]], teller: Callable[[int], None]):
    """Who is told keeps plain numbers, which one thread alone may change."""
    writer = LogWriter(Broken(1000, BrokenPipeError()), teller)
    for _ in range(50):
        writer.write(b"x\n")
    writer.close(timeout=20)
    assert sum(lines for lines, _ in lost) == 50
    assert {thread for _, thread in lost} == {threading.get_ident()}


def test_an_exchange_is_one_line_of_json(event: Make):
    lines = exchange_lines([event(), event(model='two\n"lines"', stream=True)])
    assert lines.endswith(b"\n")
    first, second = (json.loads(line) for line in lines.splitlines())
    assert first == {
        "event": "exchange",
        "request_id": "hw-1",
        "at": 1_750_000_000.0,
        "endpoint": "chat",
        "model": "default",
        "route": "default",
        "stream": False,
        "outcome": "ok",
        "status": 200,
        "duration": 0.3,
        "attempts": [{"target": "a/m#k", "result": "200", "started": 0.0, "duration": 0.3}],
        "first_byte": 0.3,
        "usage": {"input_tokens": 3, "output_tokens": 5},
        "request_bytes": 100,
        "reply_bytes": 1000,
    }
    assert second["model"] == 'two\n"lines"'


def test_what_an_exchange_has_not_is_left_out(event: Make):
    line = json.loads(exchange_lines([event(usage=None, first_byte=None, attempts=(), status=404)]))
    assert {"usage", "first_byte", "error"}.isdisjoint(line)
    assert line["attempts"] == []


def test_a_notice_is_one_line_of_json():
    line = notice_line(1_750_000_000.1234, "config_refused", "line 1\nline 2", [("generation", 7)])
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    told = json.loads(line)
    assert told["event"] == "config_refused"
    assert told["message"] == "line 1\nline 2"
    assert told["generation"] == 7
    assert 1_750_000_000.123 in told.values()


# --- secrets ---

CANARY = "sk-canary-3141592653"


def test_a_secret_shows_itself_to_nobody_who_does_not_ask():
    secret = Secret(CANARY)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        " ".join(map(str, [secret])),
        str([secret]),
        str({"k": secret}),
    ]
    assert all(CANARY not in text for text in shown)
    assert secret.reveal() == CANARY


def test_a_secret_that_strays_into_the_log_is_refused_rather_than_written():
    with pytest.raises(TypeError):
        notice_line(0.0, "started", "x", [("key", Secret(CANARY))])


def test_a_secret_does_not_show_in_a_traceback(capsys: pytest.CaptureFixture[str]):
    try:
        raise RuntimeError("failed with", Secret(CANARY))
    except RuntimeError as error:
        traceback.print_exception(error)
    assert CANARY not in capsys.readouterr().err


def test_an_event_has_no_place_for_content_or_secrets():
    """A new field must be looked at: it will be written to the log as it is."""
    assert set(ExchangeEvent.__struct_fields__) == {
        "request_id",
        "skipped",
        "overhead",
        "at",
        "endpoint",
        "principal",
        "model",
        "route",
        "stream",
        "outcome",
        "broke",
        "queued",
        "replayed",
        "status",
        "duration",
        "attempts",
        "first_byte",
        "usage",
        "cost",
        "dropped",
        "session",
        "tags",
        "request_bytes",
        "reply_bytes",
        "error",
        "trace",
    }
    assert set(AttemptRecord.__struct_fields__) == {
        "target",
        "result",
        "started",
        "duration",
        "reason",
        "failure",
        "rule",
    }
    assert set(Usage.__struct_fields__) == {
        "input_tokens",
        "output_tokens",
        "cached_input_tokens",
        "reasoning_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "audio_input_tokens",
        "audio_output_tokens",
        "cached_audio_input_tokens",
        "image_input_tokens",
        "image_output_tokens",
        "searches",
        "billed_input_tokens",
        "billed_output_tokens",
        "told_cost",
        "seconds",
        "characters",
    }
