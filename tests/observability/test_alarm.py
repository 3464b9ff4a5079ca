"""Once a second: what is wrong becomes lines of the log and posts, and a reload changes what is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from headway.observability import alarm as alarm_module
from headway.observability.alarm import Alarm
from headway.observability.alerts import KINDS, SETTLES
from headway.observability.posting import Address, Answered
from headway.observability.webhooks import Webhooks
from headway.types import Alert, AlertRules, AttemptRecord, Change, ErrorRate, ExchangeEvent, Severity, Troubles

ROOT = Path(__file__).parents[2]
Make = Callable[..., ExchangeEvent]


class Told(Webhooks):
    """Takes notes instead of posting."""

    def __init__(self) -> None:
        async def post(_: Address, __: bytes, ___: float) -> Answered:
            return Answered(200)

        super().__init__(post, lambda *_: None, Random(1))
        self.told: list[Alert] = []

    def tell(self, alert: Alert) -> None:
        self.told.append(alert)


class Scene:
    def __init__(self) -> None:
        self.now = 1_750_000_000.0
        self.troubles = Troubles()
        self.lost = 0
        self.notices: list[tuple[str, str, dict[str, object]]] = []
        self.webhooks = Told()
        self.alarm = Alarm(
            AlertRules(),
            troubles=lambda: self.troubles,
            lost=lambda: self.lost,
            wall=lambda: self.now,
            notice=self.notice,
            webhooks=self.webhooks,
        )

    def notice(self, event: str, message: str, facts: Iterable[tuple[str, object]] = ()) -> None:
        self.notices.append((event, message, dict(facts)))

    def pass_by(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1.0
            self.alarm.look()

    def park(self) -> None:
        self.troubles = Troubles(parked=frozenset({"a#k"}))
        self.alarm.changed(
            Change(what="key_parked", subject="a#k", message="a#k is refused: no", seconds=60.0), self.now
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_alert_is_a_line_and_a_post_when_it_begins_and_when_it_ends(scene: Scene):
    scene.park()
    scene.pass_by(5)
    scene.troubles = Troubles()
    scene.pass_by(2 * SETTLES)
    assert [(event, facts["subject"]) for event, _, facts in scene.notices] == [
        ("alert_firing", "a#k"),
        ("alert_resolved", "a#k"),
    ]
    assert scene.notices[0][2] == {
        "kind": "key_parked",
        "severity": "critical",
        "subject": "a#k",
        "count": 1,
        "first_seen": 1_750_000_001.0,
    }
    assert [each.resolved_at is None for each in scene.webhooks.told] == [True, False]
    assert scene.alarm.listed() == (scene.webhooks.told[1],)


def test_it_is_told_again_after_the_interval(scene: Scene):
    scene.park()
    scene.pass_by(3 * 3600)
    assert [event for event, *_ in scene.notices] == ["alert_firing"] * 3


def test_failing_requests_are_told_within_a_second(scene: Scene, event: Make):
    attempt = AttemptRecord("a/m#k", "500", 0.0, 0.1, failure="server_error")
    scene.alarm.ended([event(outcome="server_error", status=502, attempts=(attempt,))] * 30)
    scene.pass_by(1)
    assert [facts["kind"] for *_, facts in scene.notices] == ["route_errors", "target_errors"]
    assert dict(scene.alarm.firing()) == {(kind,): int(kind in ("route_errors", "target_errors")) for kind in KINDS}


def test_a_reload_takes_effect_and_alerts_that_last_stay(scene: Scene, event: Make):
    scene.park()
    scene.pass_by(1)
    scene.alarm.adjust(AlertRules(repeat=10.0, error_rate=ErrorRate(requests=1)))
    scene.alarm.ended([event(outcome="server_error", status=502, attempts=())])
    scene.pass_by(10)
    assert [facts["kind"] for *_, facts in scene.notices] == ["key_parked", "route_errors", "key_parked"]


def test_turned_off_nothing_is_told_and_turned_on_it_begins_anew(scene: Scene):
    scene.park()
    scene.pass_by(1)
    scene.alarm.adjust(AlertRules(enabled=False))
    assert scene.alarm.listed() == ()
    scene.pass_by(100)
    assert len(scene.notices) == 1
    scene.alarm.adjust(AlertRules())
    scene.pass_by(1)
    assert len(scene.notices) == 2


async def test_it_looks_until_it_is_cancelled(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(alarm_module, "LOOKS_EVERY", 0.0)
    looks: list[float] = []

    class EnoughError(Exception):
        pass

    def troubles() -> Troubles:
        looks.append(0.0)
        if len(looks) == 3:
            raise EnoughError
        return Troubles()

    scene.alarm._troubles = troubles
    with pytest.raises(EnoughError):
        await scene.alarm.keep()


# --- docs/alerts.md ---


@pytest.fixture(scope="module")
def rows() -> dict[str, list[list[str]]]:
    """The rows of each table by the title of its first column."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    for line in (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            title = ""
        elif not title:
            title = cells[0]
            found[title] = []
        elif set(cells[0]) != {"-"}:
            found[title].append(cells)
    return found


def test_every_kind_and_its_severities_are_told(rows: dict[str, list[list[str]]]):
    assert [row[0].strip("`") for row in rows["kind"]] == list(KINDS)
    severities = {each.strip("` ") for row in rows["kind"] for each in row[1].split(",")}
    assert severities == set(get_args(Severity))


def test_every_field_is_told(rows: dict[str, list[list[str]]]):
    assert [row[0].strip("`") for row in rows["field"]] == list(Alert.__struct_fields__)


def test_the_line_of_the_log_is_as_it_is_shown(scene: Scene):
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    shown = json.loads(text.partition("```json\n")[2].partition("\n```")[0])
    scene.park()
    scene.pass_by(1)
    assert list(shown) == ["event", "at", "message", *scene.notices[0][2]]
