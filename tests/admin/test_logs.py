"""The request log over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import AttemptRecord, Usage


def ids(answer: Any) -> list[str]:
    return [each["request_id"] for each in answer.json()["requests"]]


async def test_pages_lead_from_the_newest_to_the_oldest_without_a_gap(world: Any, event: Any):
    await world.log(*(event(number) for number in range(7)))
    first = await world.get("/logs", limit=3)
    assert ids(first) == ["r6", "r5", "r4"]
    await world.log(event(8))  # what is new does not move what is old
    second = await world.get("/logs", limit=3, cursor=first.json()["next"])
    third = await world.get("/logs", limit=3, cursor=second.json()["next"])
    assert ids(second) + ids(third) == ["r3", "r2", "r1", "r0"]
    assert third.json()["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"route": "fast"}, ["r1"]),
        ({"target": "b/n"}, ["r2"]),
        ({"provider": "b"}, ["r2"]),
        ({"key": "two"}, ["r2"]),
        ({"outcome": "failed"}, ["r3"]),
        ({"outcome": "timeout"}, ["r3"]),
        ({"outcome": "ok", "stream": True}, ["r4"]),
        ({"status": 504}, ["r3"]),
        ({"session": "s"}, ["r5"]),
        ({"tag": "nightly"}, ["r5"]),
        ({"slower": 2.0}, ["r3"]),
        ({"request_id": "r0"}, ["r0"]),
        ({"endpoint": "embeddings"}, []),
        ({"model": "default", "route": "fast"}, ["r1"]),
        ({"since": "2100-01-01T00:00:00Z"}, []),
        ({"until": "1970-01-02"}, []),
    ],
)
async def test_filters_find_what_they_name(world: Any, event: Any, query: dict[str, Any], found: list[str]):
    other = AttemptRecord(target="b/n#two", result="200", started=0.0, duration=0.1)
    await world.log(
        event(0),
        event(1, route="fast"),
        event(2, attempts=(other,)),
        event(3, outcome="timeout", status=504, duration=3.0),
        event(4, stream=True, first_byte=0.1),
        event(5, session="s", tags=("nightly", "team=a")),
    )
    answer = await world.get("/logs", **query)
    assert answer.status_code == 200
    assert ids(answer) == found


async def test_one_request_is_told_with_its_whole_event(world: Any, event: Any):
    await world.log(event(0, error="no room", outcome="saturated", status=503))
    told = (await world.get("/logs/r0")).json()
    assert told["outcome"] == "saturated"
    assert told["event"]["error"] == "no room"
    assert told["event"]["attempts"][0]["target"] == "a/m#one"


async def test_a_request_that_is_not_there_is_a_404(world: Any, event: Any):
    await world.log(event(0))
    answer = await world.get("/logs/r9")
    assert answer.status_code == 404
    assert "not in the log" in answer.json()["error"]["message"] or "too old" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"status": 7}, "status"),
        ({"since": "yesterday"}, "since"),
        ({"slower": "nan-ish"}, "slower"),
        ({"stream": "maybe"}, "stream"),
    ],
)
async def test_a_query_that_means_nothing_is_refused_by_name(world: Any, query: dict[str, Any], param: str):
    answer = await world.get("/logs", **query)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


async def test_without_a_log_the_pages_say_why(world: Any):
    world.gateway.keep_in(None)
    for path in ("/logs", "/logs/r0", "/statistics", "/statistics/series", "/statistics/top"):
        answer = await world.get(path, by="route")
        assert answer.status_code == 409
        assert "storage.url is off" in answer.json()["error"]["message"]


async def test_a_database_that_does_not_answer_is_a_503_without_its_secrets(world: Any, tmp_path: Any):
    world.gateway.keep_in(f"sqlite:///{tmp_path}/canary-folder/canary.db")
    answer = await world.get("/logs")
    assert answer.status_code == 503
    assert "canary" not in answer.text


async def test_another_database_is_read_once_the_configuration_names_it(world: Any, event: Any, tmp_path: Any):
    await world.log(event(0))
    assert ids(await world.get("/logs")) == ["r0"]
    world.gateway.keep_in(f"sqlite:///{tmp_path}/nothing/else.db")
    assert (await world.get("/logs")).status_code == 503
    world.gateway.keep_in(world.url)
    assert ids(await world.get("/logs")) == ["r0"]


async def test_how_fast_a_model_wrote_is_told(world: Any, event: Any):
    await world.log(
        event(0, duration=2.0, stream=True, first_byte=1.0, usage=Usage(output_tokens=50)),
        event(1, duration=2.0, first_byte=2.0, usage=Usage(output_tokens=50)),
        event(2, usage=None),
        event(3, outcome="truncated", usage=Usage(output_tokens=50)),
    )
    told = {each["request_id"]: each["tokens_per_second"] for each in (await world.get("/logs")).json()["requests"]}
    assert told == {"r0": 50.0, "r1": 25.0, "r2": None, "r3": None}
