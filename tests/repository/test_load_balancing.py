"""docs/load-balancing.md says what the code does: its worked example is worked again, and its numbers are the code's.

To write the example's table anew after a change, run this file as a script, and read the difference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from headway.config import compile as compilation
from headway.config.load import load_text
from headway.core import affinity, balance, buckets, concurrency, line, load, pace, standing, tiers
from headway.core.buckets import Bucket
from headway.core.candidates import Candidate, usual_of
from headway.core.load import Load
from headway.core.registry import Registry
from headway.pipeline import admission, conversation, gateway
from headway.pipeline.principal import CLIENT_KEYS
from headway.types import BalanceName, Priority, Queue, Reading
from headway.wire.openai import weight

PATH = Path(__file__).parents[2] / "docs" / "load-balancing.md"
PAGE = PATH.read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
CONFIGURATION = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
EXAMPLE = re.compile(r"(?<=\| target \|)([^\n]*\n\|[- |]+\n)(?:\|[^\n]*\n)+")
NOW = 1000.0
REQUEST = Load(text=6000, most_output=500)


def scene() -> list[Candidate]:
    """The first tier of the example, as it is when the request comes in."""
    environ = {name: f"key-{name}" for name in ("OPENAI_A", "OPENAI_B", "AZURE_EU", "GROQ")}
    snapshot = load_text(CONFIGURATION, name="x", folder=Path(), environ=environ)
    candidates = Registry().live(snapshot.routes["default"]).tiers[0].candidates
    a, b, azure = candidates
    for each, in_flight in ((a, 9), (b, 2), (azure, 4)):
        for _ in range(in_flight):
            each.acquire(REQUEST, NOW)
    for each, well, badly, seconds in ((a, 40, 0, 0.6), (azure, 30, 4, 0.9)):
        for _ in range(badly):
            each.state.standing.failed(seconds, NOW)
        for _ in range(well):
            each.state.standing.succeeded(NOW)
        each.state.standing.first_token.saw(seconds, 1500.0, NOW)
    tell(a, 200_000.0)
    tell(b, 200_000.0)
    for _ in range(250):  # requests of that size are the usual ones
        a.acquire(REQUEST, NOW)
        a.release()
    tell(a, 130_000.0)
    tell(b, 25_000.0)
    return candidates


def tell(candidate: Candidate, left: float) -> None:
    """A reply's headers say what is left of its key's quota."""
    told = Reading(dimension="tokens", limit=200_000.0, remaining=left, window=60.0)
    candidate.quota.read((told,), (), 0, candidate.need(REQUEST), NOW)


def rows(candidates: Sequence[Candidate]) -> list[str]:
    """The table: each candidate's numbers, and how often it is chosen of all pairs that may be drawn."""
    adaptive = balance.Adaptive()
    assert all(each.admits(REQUEST, NOW) for each in candidates)
    adaptive.pair(candidates, NOW, Random(1))
    shares = {each: adaptive.share(each) for each in candidates}
    total = sum(shares.values())
    chosen = dict.fromkeys(candidates, 0.0)
    for first in candidates:
        for second in candidates:
            found = first if first is second else adaptive.better(first, second, NOW)
            chosen[found] += shares[first] * shares[second] / total**2
    usual = usual_of(candidates)
    told: list[str] = []
    for each in candidates:
        room, seconds = each.room(NOW), each.seconds(usual, NOW)
        cells = [
            f"`{each.name}`",
            f"{each.weight:g}",
            "most" if room == inf else f"{room:.3g}",
            f"{each.state.standing.reliability(NOW):.1%}",
            f"{seconds:g}",
            f"{shares[each] / total:.1%}",
            f"{each.used(NOW):.1%}",
            f"{each.concurrency.used}",
            f"{seconds * (1.0 + each.concurrency.used / shares[each]):.2f}",
            f"{chosen[each]:.1%}",
        ]
        told.append(f"| {' | '.join(cells)} |".replace("%", " %"))
    return told


def test_the_worked_example_is_what_comes_of_it():
    assert "\n".join(rows(scene())) in PAGE


def test_draws_are_spread_as_the_example_says():
    candidates, rng, draws = scene(), Random(7), 4000
    strategy = balance.Adaptive()
    found = [strategy.choose(candidates, NOW, rng).name for _ in range(draws)]
    for row in rows(candidates):
        name, said = row.split("`")[1], float(row.split("|")[-2].strip(" %")) / 100
        assert found.count(name) / draws == pytest.approx(said, abs=0.03), name


def test_the_example_says_how_long_it_takes_until_there_is_room():
    bucket = Bucket("tokens", 200_000.0, 60.0, NOW, configured=False)
    bucket.take(190_000.0, NOW)
    need = scene()[0].need(REQUEST).tokens
    said = f"10,000 of 200,000 tokens left, they would have room again in {bucket.wait(need, NOW):.1f} s"
    assert said in PROSE
    assert f"so {need:,.0f} tokens by estimate" in PROSE


def test_every_strategy_has_a_row():
    table = PAGE.partition("## Strategies")[2].partition("<!-- strategies -->")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == get_args(BalanceName)
    assert set(balance.STRATEGIES) == set(get_args(BalanceName))


def test_there_is_a_place_for_the_comparison():
    assert re.search(r"^<!-- strategies -->\n.*^<!-- /strategies -->$", PAGE, re.MULTILINE | re.DOTALL)


def test_headers_stand_in_the_order_in_which_they_count():
    names = ", ".join(f"`{name.decode()}`" for name in conversation.SESSION_HEADERS)
    assert f"the headers {names}, in this order" in PROSE


def test_every_header_by_which_tenants_are_told_apart_is_named():
    said = PROSE.partition("by the key that they show (")[2].partition(")")[0]
    assert {name.encode() for name in re.findall(r"`([^`]+)`", said)} == CLIENT_KEYS


def test_priorities_are_named_in_their_order():
    high, normal, low = get_args(Priority)
    assert (high, normal, low) == line.PRIORITIES == tuple(name.decode() for name in conversation.RANKS)
    assert f"may be `{high}`, `{normal}` or `{low}`; `{normal}` if it is missing" in PROSE


SAID = [
    f"with {buckets.SPARE * 100:g} % to spare",
    f"more than {balance.HOT * 100:g} % of a quota",
    f"within {(balance.ALIKE - 1) * 100:.0f} % of each other",
    f"{balance.EXPLORES * 100:g} % go to any target",
    f"whoever has used more than {balance.HOT * 100:g} %",
    f"regrows within {buckets.REGROWS / 60:g} minutes",
    f"{pace.CUT:g} times the rate that was sent",
    f"tried again after {pace.RETURNS:g} s",
    f"one request in {1 / pace.SLOWEST:g} s",
    f"for which {concurrency.MANY} or more requests wait, if no reply of it has begun for {concurrency.SILENCE:g} s",
    f"then {concurrency.CUT:g} times what was in flight, at least {concurrency.FEWEST:g}",
    f"Fades to a third in {standing.FADES:g} s",
    f"half of it is forgotten in {standing.HALF_LIFE / 60:g} minutes",
    f"begins at {load.BYTES_PER_TOKEN:g} bytes and {load.USUAL_ANSWER:g} tokens",
    f"Pictures count as {weight.IMAGE_TOKENS} tokens",
    f"until {compilation.STAYS / 60:g} minutes after its last request",
    f"or {conversation.BEFORE} bytes before",
    f"at most {conversation.AFTER:,} bytes on",
    f"more than {tiers.SLOW:g} times as long",
    f"Up to {affinity.MOST:,} conversations",
    f"up to {Queue().length:,} requests (`queue.length`)",
    f"longer than {Queue().wait:g} s (`queue.wait`)",
    f"not had its turn after {Queue().wait:g} s",
    f"every {admission.LOOKS_AFTER:g} s at least",
    f"nobody waits less than {line.TARGET:g} s for {line.INTERVAL:g} s on end",
    f"would wait longer than {2 * line.TARGET:g} s, until that has not happened for {line.EASES:g} s",
    f"late by more than {gateway.LATE:g} s",
    f"beyond {gateway.TOO_LATE:g} s all but those of high priority",
]
"""What the page says, with the code's own numbers."""


@pytest.mark.parametrize("said", SAID)
def test_a_number_on_the_page_is_the_codes(said: str):
    assert said in PROSE


def test_what_is_put_into_words_is_so_too():
    assert "half of a worse time is believed at once, a tenth of a better one" in PROSE
    assert (standing.RISES, standing.FALLS) == (0.5, 0.1)
    assert "begins at nine of ten" in PROSE
    assert standing.GOOD / (standing.GOOD + standing.BAD) == 0.9
    assert "a failure counts as three times the usual" in PROSE
    assert standing.FAILED_TAKES == 3.0
    assert "five times in a row, which takes half a second" in PROSE
    assert (gateway.LAGS, gateway.LAGS * gateway.SWEEP_EVERY) == (5, 0.5)


if __name__ == "__main__":
    head = EXAMPLE.search(PAGE)
    assert head
    PATH.write_text(PAGE.replace(head[0], head[1] + "\n".join(rows(scene())) + "\n"), encoding="utf-8")
