"""Events as the pipeline tells them, and a strict reader of Prometheus' text format."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import pytest

from events import NOW, made_event
from headway.types import ExchangeEvent

Labels = tuple[tuple[str, str], ...]


class Read(NamedTuple):
    """One metric: what it is, and a value for each name and sorted labels."""

    kind: str
    meaning: str
    samples: dict[tuple[str, Labels], float]


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)')
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def read_metrics(text: str) -> dict[str, Read]:
    """All metrics of one scrape. Anything that the format does not allow, or a scraper would refuse, fails."""
    found: dict[str, Read] = {}
    name, meaning, kind = "", "", ""
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            assert name == kind == "" or kind, "HELP without TYPE"
            name, _, meaning = line.removeprefix("# HELP ").partition(" ")
            kind = ""
            assert meaning
            assert re.fullmatch(NAME, name)
        elif line.startswith("# TYPE "):
            assert line.split()[2] == name, "TYPE belongs to the HELP before it"
            kind = line.split()[3]
            assert kind in SUFFIXES
            assert name not in found, f"{name} comes twice"
            found[name] = Read(kind, meaning, {})
        else:
            read_sample(line, name, found[name])
    for metric, read in found.items():
        if read.kind == "histogram":
            check_histogram(metric, read)
        elif read.kind == "counter":
            assert metric.endswith("_total"), metric
            assert all(value >= 0 for value in read.samples.values())
    return found


def read_sample(line: str, name: str, metric: Read) -> None:
    match = SAMPLE.fullmatch(line)
    assert match, line
    assert match[1] in {name + suffix for suffix in SUFFIXES[metric.kind]}, line
    labels = read_labels(match[2] or "")
    key = (match[1], labels)
    assert key not in metric.samples, f"{key} comes twice"
    metric.samples[key] = float(match[3])


def read_labels(text: str) -> Labels:
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = LABEL.match(text, position)
        assert match, text[position:]
        assert match[1] not in found, f"the label {match[1]} comes twice"
        found[match[1]] = re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], match[2])
        position = match.end()
    return tuple(sorted(found.items()))


def check_histogram(name: str, metric: Read) -> None:
    """Buckets grow, end at infinity, and agree with the count."""
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), value in metric.samples.items():
        if sample.endswith("_bucket"):
            bound = float(dict(labels)["le"].replace("+Inf", "inf"))
            series.setdefault(tuple(pair for pair in labels if pair[0] != "le"), []).append((bound, value))
    for labels, buckets in series.items():
        bounds, values = zip(*buckets, strict=True)
        assert list(bounds) == sorted(set(bounds))
        assert list(values) == sorted(values)
        assert bounds[-1] == math.inf
        assert values[-1] == metric.samples[f"{name}_count", labels]
        assert (f"{name}_sum", labels) in metric.samples


def streamed(**facts: Any) -> ExchangeEvent:
    """One of which no price is known."""
    return made_event(1, **({"at": NOW, "first_byte": 0.3, "cost": None} | facts))


@pytest.fixture(scope="session")
def event():
    return streamed


@pytest.fixture(scope="session")
def read():
    return read_metrics
