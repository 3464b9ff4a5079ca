"""What telling costs: four gateways under the same load, one of which tells nobody."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from headway.bench.figures import Sample
from headway.bench.gateway import BACKGROUND
from headway.bench.plan import Result
from headway.bench.processes import environment
from headway.bench.procfs import usage
from headway.bench.telling import KINDS, running, settle, shown

pytestmark = pytest.mark.real


def asked(url: str) -> str:
    body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": "?"}]}).encode()
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError):  # nobody listens where it leads
        urllib.request.urlopen(request, timeout=20)
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        return answer.read().decode()


def test_the_forgetful_gateway_serves_and_tells_nothing(tmp_path: Path):
    told = {}
    for kind in KINDS[1:]:
        with running(kind, tmp_path / kind, upstream=9) as standing:
            told[kind] = "headway_requests_total{" in asked(standing.url)
            assert not (tmp_path / kind / "headway.db").exists()
    assert told == {"nothing written": True, "no request log": True, "nobody is told": False}


def test_it_is_waited_for_whoever_still_writes(tmp_path: Path):
    with running("everything", tmp_path / "all", upstream=9) as standing:
        for _ in range(20):
            asked(standing.url)
        settle([standing])
        assert standing.pid is not None
        before = usage(standing.pid, beside=BACKGROUND)
        time.sleep(1.0)
        after = usage(standing.pid, beside=BACKGROUND)
    assert before is not None
    assert after is not None
    assert 0.0 < before.beside <= after.beside <= before.beside + 0.1


def test_each_is_set_against_the_one_that_tells_nobody_in_the_same_round():
    def sample(cpu: float) -> Sample:
        told = Result(seconds=1, replies=1000, chunks=0, errors={}, latency="", first_token="", gaps="", behind="")
        return Sample(configuration="", streamed=False, result=told, cpu=cpu, beside=0.04)

    bare = [sample(0.1), sample(0.2)]
    lines = shown({KINDS[0]: [sample(0.11), sample(0.21)], KINDS[1]: bare, KINDS[2]: bare, KINDS[3]: bare})
    assert "160.0 us a request (+7.5%), writer   40.0 us, 0 errors" in lines.splitlines()[0]


def test_a_benchmark_writes_nothing_into_the_request_log_of_a_gateway_that_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HEADWAY_DATABASE_URL", "postgresql://db/headway")
    assert "HEADWAY_DATABASE_URL" not in environment()
    monkeypatch.setenv("HEADWAY_DATABASE_URL", "off")
    assert environment()["HEADWAY_DATABASE_URL"] == "off"
