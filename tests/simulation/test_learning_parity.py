"""A week of trainings, promotion, drift and rollback is said again, in both kinds of time."""

from pathlib import Path

import pytest

from agents.requests import ReadBars, Reply
from blackboard.chain import commits_of
from blackboard.entry import Entry
from blackboard.facts import ModelPromoted, ModelRolledBack
from blackboard.journal import MemoryJournal
from config.settings import Settings
from models.market.bars import BarArray
from models.market.sessions import DAY_NS
from runtime.market_world import market_world
from runtime.proof.audit import audit
from runtime.proof.parity import certify
from runtime.proof.recording import RecordedStart
from runtime.training.bars_market import BarsMarket
from tests.learning_week import START_NS, learning_host, learning_settings, planted_bars
from tests.random_bars import M15_NS
from tests.recorded_run import of_blocks, sealed

STORM_NS = START_NS + DAY_NS
END_NS = START_NS + 3 * DAY_NS
BARS = {"EURUSD": planted_bars(END_NS + DAY_NS, STORM_NS, seed=1)}


class Market:
    """Answers readings from the planted bars."""

    def __init__(self, settings: Settings, bars: dict[str, BarArray]) -> None:
        self._now_ns = START_NS
        self._world = market_world(BarsMarket(bars, M15_NS), settings, START_NS)

    def answer(self, request: ReadBars, now_ns: int) -> Reply:
        """Return the bars as the market has them."""
        self._now_ns = max(self._now_ns, now_ns)
        return self._world.perform(request, now_ns=self._now_ns, epoch=0).reply


Week = tuple[list[list[Entry]], Settings, Path]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    """Return the commits of some days of learning, their settings and the store."""
    home = tmp_path_factory.mktemp("home")
    settings, journal = learning_settings(home), MemoryJournal()
    learning_host(settings, BARS, home / "models", END_NS, journal).run()
    return list(commits_of(journal.blocks())), settings, home / "models"


@pytest.mark.parametrize("is_virtual", [True, False])
def test_a_learning_week_has_parity(week: Week, is_virtual: bool) -> None:
    """Along the clock a model is given where a fact names it, in virtual time when it was asked."""
    commits, settings, models = week
    start = RecordedStart(
        first_seq=1, is_virtual=is_virtual, settings=settings, data={}, code_hash=""
    )
    recording = of_blocks(sealed(commits), (start,), commits[-1][-1].seq)

    certificate = certify(
        recording, "week", answers_of=lambda _: Market(settings, BARS), models=models
    )

    kinds = {type(entry.fact) for commit in commits for entry in commit}
    assert kinds >= {ModelPromoted, ModelRolledBack}  # it is worth comparing
    assert certificate.divergence is None
    assert certificate.holds
    assert audit(recording, "week").findings == ()
