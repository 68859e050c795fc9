"""A training with too few bars fetches the parts that are missing, and keeps them."""

from pathlib import Path

import numpy as np
import pytest

from agents.requests import BarsRead, ReadBars, Reply, Request, Unanswered
from agents.training.requests import Train
from blackboard.facts.market import Timeframe
from config.settings import Settings
from models.market.sessions import weeks_before_ns
from runtime.bar_store.download import PART_BARS, Span
from runtime.bar_store.store import DATA_FOLDER, BarStore
from runtime.learning_world import LearningWorld
from runtime.training.backfill import backfilled
from runtime.training.job import run_job
from runtime.training.places import Wait
from runtime.world import Due
from tests.random_bars import random_bars

M15 = Timeframe.M15
BARS = random_bars(6_000, seed=1)
NOW_NS = int(BARS["close_ns"][-1])
WANTED = Span(weeks_before_ns(NOW_NS, 104), NOW_NS)
AT_ONCE = 500
"""Bars that the terminal gives to a question about everything."""


class Terminal:
    """Holds all bars and answers only the newest of them to a question about too much."""

    def __init__(self, fails_after: int = 99) -> None:
        self.asked: list[ReadBars] = []
        self.fails_after = fails_after

    def read(self, request: ReadBars) -> BarsRead:
        """Answer one question."""
        self.asked.append(request)
        is_in = (BARS["close_ns"] > request.from_ns) & (BARS["close_ns"] <= request.until_ns)
        is_much = request.until_ns - request.from_ns > PART_BARS * M15.length_ns + M15.length_ns
        return BarsRead(
            request=request, bars=BARS[is_in][-AT_ONCE:] if is_much else BARS[is_in], source="test"
        )

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer as a world."""
        del epoch
        assert isinstance(request, ReadBars)
        if len(self.asked) >= self.fails_after:
            return Due(now_ns, Unanswered(request=request, reason="away"))
        return Due(now_ns, self.read(request))

    def broker_mark(self) -> tuple[object, ...]:
        """Return a mark."""
        return ()

    def close(self) -> None:
        """Do nothing."""


def test_what_came_before_is_fetched_and_kept(tmp_path: Path) -> None:
    """From the bars that are known backwards, nothing twice; a second time nothing is asked."""
    store, terminal = BarStore(tmp_path), Terminal()

    bars = backfilled(store, terminal.read, "EURUSD", M15, BARS[-AT_ONCE:], WANTED, 12)

    assert (bars["close_ns"] == BARS["close_ns"]).all()
    assert np.allclose(bars["close"], BARS["close"])
    assert len(terminal.asked) == 4  # 104 weeks of open and closed markets are 69,888 bars
    again = backfilled(store, terminal.read, "EURUSD", M15, BARS[-AT_ONCE:], WANTED, 0)
    assert len(again) == len(BARS)


def test_a_bound_leaves_the_rest_to_the_next_training(tmp_path: Path) -> None:
    """One part is 20,000 bars of time, of which 5,500 hold no market yet."""
    terminal = Terminal()
    early = Span(WANTED.from_ns - 200 * PART_BARS * M15.length_ns, NOW_NS)

    backfilled(BarStore(tmp_path), terminal.read, "EURUSD", M15, BARS[-AT_ONCE:], early, 3)

    assert len(terminal.asked) == 3


def test_nothing_later_than_now_is_returned(tmp_path: Path) -> None:
    """Bars that a person has downloaded since lie in the folder and in no training."""
    store = BarStore(tmp_path)
    store.add("EURUSD", M15, BARS)
    until_ns = int(BARS["close_ns"][3_000])

    bars = backfilled(
        store, Terminal().read, "EURUSD", M15, BARS[:10], Span(WANTED.from_ns, until_ns), 0
    )

    assert int(bars["close_ns"][-1]) == until_ns


class Inline:
    """Runs a training at once."""

    def start(self, path: Path, time_s: float) -> Wait:
        """Do the job of a folder."""
        del time_s
        run_job(path)
        return lambda: ""

    def close(self) -> None:
        """Do nothing."""


def trained(home: Path, terminal: Terminal, kind: str, **training: object) -> Reply:
    """Return what comes of a training of a family that nobody trains."""
    settings = Settings.model_validate(
        {
            "home": str(home),
            "symbols": ("EURUSD",),
            **({"profile": "paper", "speed": 1} if kind == "metatrader" else {}),
            "terminal": {"kind": kind},
            "agents": {"learner": {"training": {"bars_min": 5_900, **training}}},
        }
    )
    world = LearningWorld(terminal, home / "models", settings, Inline(), is_virtual=False)
    request = Train(family="oracle", attempt_ns=NOW_NS, is_refresh=False, seed=1)
    return world.perform(request, now_ns=NOW_NS, epoch=1).reply


@pytest.mark.parametrize(
    ("kind", "training", "reason"),
    [
        ("metatrader", {}, "nobody trains this family"),
        ("metatrader", {"backfill_parts_max": 0}, "too few bars"),
        ("simulated", {}, "too few bars"),
    ],
)
def test_the_learner_asks_a_real_terminal_before_it_skips(
    tmp_path: Path, kind: str, training: dict[str, object], reason: str
) -> None:
    """With enough bars it gets to the family; else it says how many there are and how many need."""
    reply = trained(tmp_path, Terminal(), kind, **training)

    assert getattr(reply, "reason", "") == reason
    if reason == "too few bars":
        assert (getattr(reply, "have", 0), getattr(reply, "need", 0)) == (AT_ONCE, 5_900)
    assert (tmp_path / DATA_FOLDER).exists() == (reason != "too few bars")


def test_a_terminal_that_goes_away_leaves_what_there_is(tmp_path: Path) -> None:
    """The training is skipped for want of bars, and nothing breaks."""
    reply = trained(tmp_path, Terminal(fails_after=1), "metatrader")

    assert (getattr(reply, "reason", ""), getattr(reply, "have", 0)) == ("too few bars", AT_ONCE)
