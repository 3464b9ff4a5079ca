"""What the administration's pages answer with. Times are Unix time or seconds, money is micro-dollars."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """Why there is no answer."""

    error: ErrorBody


class LoggedRequest(BaseModel):
    """One exchange, as the log's columns have it."""

    at: float = Field(description="Unix time of its end.")
    request_id: str
    endpoint: str
    model: str = Field(description="As the client asked for it.")
    route: str
    provider: str = Field(description="Of the last attempt; empty if there was none.")
    target: str = Field(description="provider/model of the last attempt.")
    key: str
    outcome: str = Field(description="ok, or how it failed.")
    status: int
    stream: bool
    attempts: int
    duration: float
    first_byte: float | None
    input_tokens: int
    output_tokens: int
    cost: int | None = Field(description="Micro-dollars; null where no price is known.")
    session: str | None
    tokens_per_second: float | None = Field(
        description="Output tokens, of a stream from its first byte on; null where there were none, or it failed."
    )


class LoggedRequests(BaseModel):
    """A page of the log, newest first."""

    requests: list[LoggedRequest]
    next: str | None = Field(description="Pass it as `cursor` for the requests before these; null: there are none.")


class WholeRequest(LoggedRequest):
    """All that is known of one exchange."""

    event: dict[str, Any] = Field(description="The line of the log: attempts, usage, error and the rest.")


class RequestContent(BaseModel):
    """What one exchange asked and answered, as it came and went, with secrets masked."""

    request_id: str
    at: float = Field(description="Unix time of its end.")
    request: str | None = Field(description="The request's body; null: it is not kept.")
    reply: str | None = Field(
        description="The answer's body, of a stream its events, in the client's dialect; null: it is not kept."
    )
    request_cut: bool = Field(description="There was more of it than is kept.")
    reply_cut: bool = Field(description="There was more of it than is kept.")


class Percentiles(BaseModel):
    """Seconds, read off a histogram; null: there was nothing to measure."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class Sums(BaseModel):
    """What some exchanges amount to."""

    requests: int
    failed: int
    attempts: int
    broken: int = Field(description="Answers that broke off after the client had seen part of them.")
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost: int
    unpriced: int = Field(description="Requests with tokens of which no price is known.")
    mean_seconds: float | None
    latency: Percentiles
    first_byte: Percentiles = Field(description="Of streams.")


class Point(Sums):
    at: int = Field(description="Where the step begins, Unix time.")
    by: str | None = Field(default=None, description="The value of the dimension that was asked for.")


class Series(BaseModel):
    """Sums over time. Steps in which nothing happened are left out."""

    since: float
    until: float
    points: list[Point]


class TopEntry(BaseModel):
    by: str = Field(description="The value of the dimension that was asked for.")
    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost: int
    latency: Percentiles | None = Field(default=None, description="Not told of tags.")


class Top(BaseModel):
    """Who or what had most, most first."""

    since: float
    until: float
    top: list[TopEntry]


class LogState(BaseModel):
    """How the request log is written."""

    stored: int
    dropped: int
    error: str | None = Field(description="Why nothing can be written just now.")


class Status(BaseModel):
    """How the gateway stands. Where there are several workers: the one that answered."""

    version: str
    generation: int = Field(description="The running configuration's number.")
    source: str
    config_error: str | None = Field(description="Why the configuration as it stands is not what runs.")
    in_flight: int
    draining: bool
    providers: int
    routes: list[str]
    access: Literal["open", "token", "accounts"] | None = Field(
        description="What the administration asks of people: nothing of those on this machine, the gateway's own "
        "token, or a login. null: the database that would tell does not answer."
    )
    request_log: LogState
