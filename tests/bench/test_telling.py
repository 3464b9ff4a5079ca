"""What telling costs: three gateways under the same load, one of which tells nobody."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from headway.bench.figures import Sample
from headway.bench.plan import Result
from headway.bench.telling import KINDS, running, shown

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
    for kind in ("no request log", "nobody is told"):
        with running(kind, tmp_path / kind.split()[0], upstream=9) as standing:
            told[kind] = "headway_requests_total{" in asked(standing.url)
            assert not (tmp_path / kind.split()[0] / "headway.db").exists()
    assert told == {"no request log": True, "nobody is told": False}


def test_each_is_set_against_the_one_that_tells_nobody_in_the_same_round():
    def sample(cpu: float) -> Sample:
        told = Result(seconds=1, replies=1000, chunks=0, errors={}, latency="", first_token="", gaps="", behind="")
        return Sample(configuration="", streamed=False, result=told, cpu=cpu, beside=0.04)

    lines = shown(
        {KINDS[0]: [sample(0.11), sample(0.21)], KINDS[1]: [sample(0.1)] * 2, KINDS[2]: [sample(0.1), sample(0.2)]}
    )
    assert "160.0 us a request (+7.5%), writer   40.0 us, 0 errors" in lines.splitlines()[0]
