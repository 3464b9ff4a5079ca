"""Whose turn it is among those who wait, how long somebody new would, and when a line is no burst any more."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.line import EASES, INTERVAL, MANY, MEASURES, TARGET, Line, Place, Ticket

HIGH, NORMAL, LOW = range(3)


def ticket(tenant: str = "a", tokens: float = 100.0, rank: int = NORMAL) -> Ticket:
    return Ticket(tenant.encode(), rank, tokens)


@pytest.fixture
def line() -> Line[str]:
    return Line(5.0, 1000)


def join(line: Line[str], who: str, now: float = 0.0, *, tokens: float = 100.0, rank: int = NORMAL) -> Place[str]:
    """The tenant is the first letter."""
    return line.join(who, ticket(who[0], tokens, rank), now + 5.0, now)


def served(line: Line[str], many: int = 1000, now: float = 0.0) -> list[str]:
    """Whoever is let in next, and next."""
    told: list[str] = []
    while len(told) < many and (place := line.first()) is not None:
        line.let_in(place, now)
        told.append(place.who)
    return told


# --- whose turn it is ---


def test_nobody_is_first_in_an_empty_line(line: Line[str]):
    assert line.first() is None
    assert line.length == 0
    assert list(line) == []


def test_one_tenants_requests_go_in_the_order_in_which_they_came(line: Line[str]):
    for number in range(5):
        join(line, f"a{number}", tokens=500.0 - 100.0 * number)
    assert served(line) == ["a0", "a1", "a2", "a3", "a4"]


def test_two_tenants_take_turns_however_many_one_of_them_sends(line: Line[str]):
    for number in range(10):
        join(line, f"a{number}")
    for number in range(2):
        join(line, f"b{number}")
    assert served(line, 4) in (["a0", "b0", "a1", "b1"], ["a0", "b0", "b1", "a1"])
    assert served(line) == [f"a{number}" for number in range(2, 10)]


def test_turns_are_counted_in_tokens(line: Line[str]):
    for number in range(100):
        join(line, f"a{number}", tokens=1000.0)
        join(line, f"b{number}", tokens=100.0)
    first = Counter(who[0] for who in served(line, 55))
    assert first["b"] == pytest.approx(50, abs=2)
    assert first["a"] == pytest.approx(5, abs=2)


def test_higher_priorities_go_first_whoever_sends_them(line: Line[str]):
    join(line, "a low", rank=LOW)
    join(line, "a normal", rank=NORMAL)
    join(line, "b normal", rank=NORMAL)
    join(line, "a high", rank=HIGH)
    join(line, "a high too", rank=HIGH)
    assert served(line, 2) == ["a high", "a high too"]
    assert sorted(served(line, 2)) == ["a normal", "b normal"]
    assert served(line) == ["a low"]


def test_who_was_away_has_saved_nothing_up(line: Line[str]):
    for number in range(50):
        join(line, f"a{number}")
    served(line, 40)
    for number in range(10):
        join(line, f"b{number}")
    assert Counter(who[0] for who in served(line, 10)) == pytest.approx({"a": 5, "b": 5}, abs=1)


def test_what_left_without_being_let_in_does_not_count_against_its_tenant(line: Line[str]):
    gone = [join(line, f"a{number}", tokens=10_000.0) for number in range(50)]
    for number in range(50):
        join(line, f"b{number}")
    for place in gone:
        line.leave(place)
    join(line, "a again")
    assert "a again" in served(line, 2)


@pytest.mark.parametrize("tenants", [2, 3, 7])
def test_tenants_that_all_want_more_than_there_is_get_equal_parts_by_tokens(line: Line[str], tenants: int):
    names = "abcdefg"[:tenants]
    for index, name in enumerate(names):
        for number in range(400):
            join(line, f"{name}{number}", tokens=50.0 * (index + 1))
    had: defaultdict[str, float] = defaultdict(float)
    for who in served(line, 400):
        had[who[0]] += 50.0 * (names.index(who[0]) + 1)
        if min(had[name] for name in names) > 0.0:
            assert max(had.values()) - min(had.values()) <= 50.0 * tenants * 2


# --- counts ---

steps = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "let in", "leave", "late"]),
        st.sampled_from("abc"),
        st.integers(0, 2),
        st.integers(0, 50),
    ),
    max_size=80,
)


@given(steps)
def test_whoever_comes_goes_and_gives_up_the_line_knows_who_is_there(steps: list[tuple[str, str, int, int]]):
    line: Line[int] = Line(5.0, 1000)
    there: list[Place[int]] = []
    for number, (what, tenant, rank, which) in enumerate(steps):
        now = number / 10
        if what == "join":
            there.append(line.join(number, ticket(tenant, 1.0 + which, rank), now + which / 10, now))
        elif what == "late":
            late = line.late(now)
            assert {place.who for place in late} == {place.who for place in there if place.until <= now}
            for place in late:
                line.leave(place)
                there.remove(place)
        elif there and what == "leave":
            line.leave(there.pop(which % len(there)))
        elif there:
            place = line.first()
            assert place is not None
            assert place.ticket.rank == min(each.ticket.rank for each in there)
            same = [each for each in there if each.ticket.tenant == place.ticket.tenant]
            assert place is next(each for each in same if each.ticket.rank == place.ticket.rank)
            line.let_in(place, now)
            there.remove(place)
        assert line.length == len(there)
        assert {place.who for place in line} == {place.who for place in there}
        assert (line.first() is None) == (not there)
    for place in there:
        line.leave(place)
    assert line.length == 0
    assert line.expected(ticket("a", 0.0), 0.0) == 0.0


def test_tenants_that_have_not_come_for_a_while_are_forgotten_when_there_are_very_many(line: Line[str]):
    for number in range(3 * MANY):
        now = number / 100
        place = line.join("x", Ticket(b"%d" % number, NORMAL, 10.0), now + 5.0, now)
        line.let_in(place, now)
    assert len(line._ranks[NORMAL]) <= MANY + 2 * INTERVAL * 100 + 1


# --- how long it takes ---


@dataclass
class Desk:
    """Lets in so many tokens a second, and refuses at once who would wait too long."""

    line: Line[str]
    speed: float
    room: float = 0.0
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of those that were let in, by tenant."""
    errors: list[float] = field(default_factory=list)
    """How much longer than expected each one waited."""
    expectations: dict[int, float] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    came: Counter[str] = field(default_factory=Counter)
    let_in: float = 0.0
    now: float = 0.0

    def play(self, arrivals: list[tuple[float, Ticket]], until: float) -> None:
        queue = iter([*arrivals, (float("inf"), ticket())])
        at, coming = next(queue)
        for step in range(round(self.now * 100), round(until * 100)):
            now = self.now = step / 100
            self.room = min(self.room + self.speed / 100, self.speed / 10)
            while at <= now:
                self.comes(coming, now)
                at, coming = next(queue)
            self.serve(now)

    def comes(self, coming: Ticket, now: float) -> None:
        name = coming.tenant.decode()
        self.came[name] += 1
        alone = max(0.0, coming.tokens - self.room) / self.speed
        expected = self.line.expected(coming, alone)
        if expected > self.line.allowed(coming, now):
            self.line.turns_away(coming, now)
            self.refused[name] += 1
            return
        place = self.line.join(name, coming, now + self.line.longest, now)
        self.expectations[id(place)] = expected

    def serve(self, now: float) -> None:
        for place in self.line.late(now):
            self.line.leave(place)
            self.refused[place.who] += 1
        while (place := self.line.first()) is not None and self.room >= place.ticket.tokens:
            self.room -= place.ticket.tokens
            self.let_in += place.ticket.tokens
            self.line.let_in(place, now)
            self.waits[place.who].append(now - place.since)
            self.errors.append(now - place.since - self.expectations.pop(id(place)))


def every(
    seconds: float, tenant: str, tokens: float, *, start: float = 0.0, until: float
) -> list[tuple[float, Ticket]]:
    times = itertools.takewhile(lambda at: at < until, itertools.count(start, seconds))
    return [(at, ticket(tenant, tokens)) for at in times]


def merged(*arrivals: list[tuple[float, Ticket]]) -> list[tuple[float, Ticket]]:
    return sorted(itertools.chain(*arrivals), key=lambda each: each[0])


def test_whoever_finds_nobody_waits_as_long_as_it_would_alone(line: Line[str]):
    assert line.expected(ticket(), 0.0) == 0.0
    assert line.expected(ticket(), 1.5) == 1.5


def test_while_the_speed_is_not_known_each_one_before_is_taken_to_need_as_long(line: Line[str]):
    for number in range(9):
        join(line, f"a{number}")
    assert line.expected(ticket(), 0.2) == pytest.approx(2.0)
    assert line.allowed(ticket(), 0.0) == line.longest


def test_whatever_the_speed_nobody_is_served_before_there_is_room_for_it():
    desk = Desk(Line(5.0, 1000), 1000.0)
    desk.play(every(0.05, "a", 100.0, until=3.0), 3.0)
    soon = desk.line.expected(ticket("b"), 0.0)
    assert desk.line.expected(ticket("b"), soon + 3.0) == soon + 3.0


def test_nobody_waits_where_nobody_stands():
    desk = Desk(Line(5.0, 1000), 1000.0)
    desk.play(every(0.05, "a", 100.0, until=3.0), 20.0)
    assert desk.line.length == 0
    assert desk.line.expected(ticket("a", 1e9), 0.0) == 0.0


def test_what_is_expected_is_about_what_is_then_waited():
    desk = Desk(Line(5.0, 1000), 1000.0)
    burst = [every(0.02, "a", 20.0 + 7.0 * number, start=5.0 * number, until=5.0 * number + 3.0) for number in range(8)]
    desk.play(merged(every(0.1, "a", 90.0, until=40.0), *burst), 60.0)
    settled = desk.errors[len(desk.errors) // 5 :]
    assert max(desk.waits["a"]) > 1.0
    assert all(abs(error) < 1.0 for error in settled)
    assert abs(sum(settled) / len(settled)) < 0.2


def test_who_would_wait_behind_higher_priorities_is_told_so():
    desk = Desk(Line(5.0, 1000), 1000.0)
    desk.play(every(0.05, "a", 100.0, until=3.0), 3.0)
    line = desk.line
    assert line.length > 5
    low, normal, high = (line.expected(ticket("b", 100.0, rank), 0.0) for rank in (LOW, NORMAL, HIGH))
    assert low > normal > high > 0.0


def test_a_light_tenant_is_told_of_a_short_wait_in_a_line_full_of_another_ones_requests():
    desk = Desk(Line(5.0, 1000), 1000.0)
    desk.play(every(0.05, "a", 100.0, until=3.0), 3.0)
    mine, others = (desk.line.expected(ticket(name), 0.0) for name in "ba")
    assert mine < 0.5
    assert others > 3 * mine


def test_a_light_tenant_hardly_notices_that_another_sends_ten_times_as_much_as_there_is_room_for():
    """Offered one and a half times what can be served, ten to one."""
    desk = Desk(Line(5.0, 1000), 10_000.0)
    heavy = every(0.1 / 13.6, "h", 100.0, until=60.0)
    light = every(0.1 / 1.36, "l", 100.0, start=0.03, until=60.0)
    desk.play(merged(heavy, light), 60.0)
    assert desk.came["h"] == pytest.approx(10 * desk.came["l"], rel=0.01)
    assert desk.refused["l"] <= 0.01 * desk.came["l"]
    assert sorted(desk.waits["l"])[-len(desk.waits["l"]) // 100] < 0.3
    assert desk.let_in >= 0.95 * 10_000.0 * 60.0
    assert desk.refused["h"] > 0.25 * desk.came["h"]


def test_a_line_that_stands_is_kept_short_and_a_burst_may_be_long():
    desk = Desk(Line(5.0, 1000), 10_000.0)
    desk.play(every(0.1 / 15.0, "a", 100.0, until=60.0), 70.0)
    early, late = desk.waits["a"][:1500], desk.waits["a"][3000:]
    assert max(early) > 2.0 * TARGET, "so far it might have been a burst"
    assert max(late) <= 4.0 * TARGET
    assert desk.let_in >= 0.95 * 10_000.0 * 60.0


@pytest.fixture
def standing() -> Line[str]:
    """At moment 20 the line of tenant `a` has stood for a while."""
    desk = Desk(Line(5.0, 1000), 10_000.0)
    desk.play(every(0.1 / 15.0, "a", 100.0, until=20.0), 20.0)
    assert desk.line.allowed(ticket("a"), 20.0) == 2.0 * TARGET
    return desk.line


def test_whose_own_line_does_not_stand_may_wait_as_long_as_ever(standing: Line[str]):
    join(standing, "b", 20.0)
    assert standing.allowed(ticket("b"), 20.0) == standing.longest
    assert standing.allowed(ticket("a", rank=HIGH), 20.0) == standing.longest


def test_a_line_stands_no_more_when_nobody_is_turned_away_for_a_while(standing: Line[str]):
    standing.turns_away(ticket("a"), 22.0)
    assert standing.allowed(ticket("a"), 22.0 + 0.9 * EASES) == 2.0 * TARGET
    assert standing.allowed(ticket("a"), 22.0 + EASES) == standing.longest


def test_turning_somebody_away_makes_no_line_stand(line: Line[str]):
    join(line, "a")
    line.turns_away(ticket("a"), 0.0)
    line.turns_away(ticket("b"), 0.0)
    assert line.allowed(ticket("a"), 0.0) == line.longest


def test_whoever_finds_nobody_of_its_own_may_wait(standing: Line[str]):
    for place in list(standing):
        standing.leave(place)
    assert standing.allowed(ticket("a"), 20.0) == standing.longest


def test_nobody_is_allowed_more_than_the_route_allows():
    desk = Desk(Line(0.1, 1000), 10_000.0)
    desk.play(every(0.1 / 15.0, "a", 100.0, until=20.0), 20.0)
    assert desk.line.allowed(ticket("a"), 20.0) == 0.1
    assert max(desk.waits["a"]) <= 0.11


def test_a_speed_that_changes_is_learnt():
    desk = Desk(Line(60.0, 10_000), 1000.0)
    desk.play(every(0.02, "a", 100.0, until=10.0), 10.0)
    line = desk.line
    before = line.expected(ticket("a"), 0.0) / line.length
    desk.speed = 4000.0
    desk.play(every(0.02, "a", 100.0, start=10.0, until=10.0 + 20 * MEASURES), 10.0 + 20 * MEASURES)
    assert line.expected(ticket("a"), 0.0) / line.length == pytest.approx(before / 4.0, rel=0.25)
