"""An operator takes a model back while votes are taken: none is missed, and no close is mixed."""

from pathlib import Path
from typing import TypeVar

import pytest

from agents.requests import Request
from blackboard.board import Board
from blackboard.facts import (
    Decision,
    Fact,
    ModelPromoted,
    ModelRolledBack,
    VolatilityForecast,
    Vote,
)
from models.market.sessions import HOUR_NS
from runtime.learning_world import LearningWorld
from runtime.model_store import ModelStore
from runtime.training.overview import roll_back
from runtime.world import Due
from tests.learning_week import START_NS, learning_host, learning_settings, planted_bars
from tests.random_bars import M15_NS

HAND_NS = START_NS + 6 * HOUR_NS
"""When the operator runs `models rollback har`; the model was promoted after two hours."""
END_NS = START_NS + 10 * HOUR_NS

F = TypeVar("F", bound=Fact)


class Handled(LearningWorld):
    """A world beside which an operator sits, who takes the model back once."""

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Let the operator act when his time has come, and go on."""
        store = self._models()
        if now_ns >= HAND_NS and store.registry().champion("har"):
            roll_back(store, "har", "by hand")
        return super().perform(request, now_ns=now_ns, epoch=epoch)


class Run:
    """A run whose model was taken back."""

    def __init__(self, board: Board, models: Path) -> None:
        self.board = board
        self.models = models

    def facts(self, kind: type[F]) -> list[tuple[int, F]]:
        """Return all facts of a kind with their closes, oldest first."""
        return [
            (entry.ts_event_ns, entry.fact)
            for entry in self.board.history(kind, limit=1_000_000)
            if isinstance(entry.fact, kind)
        ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the council for ten hours of the market."""
    home = tmp_path_factory.mktemp("home")
    bars = {"EURUSD": planted_bars(END_NS + HOUR_NS, END_NS + HOUR_NS, seed=1)}
    settings = learning_settings(home, daily_families=())
    host = learning_host(settings, bars, home / "models", END_NS, world=Handled)
    host.run()
    return Run(host.board, home / "models")


def test_the_board_follows_the_operator_at_the_next_close(run: Run) -> None:
    """One rollback, with his word as its reason, to the baseline, within two closes of it."""
    ((_, promoted),) = run.facts(ModelPromoted)
    ((_, back),) = run.facts(ModelRolledBack)

    assert (back.version, back.replaced_version) == ("", promoted.version)
    assert back.reason == "by hand"
    assert HAND_NS < back.effective_from_ns <= HAND_NS + 2 * M15_NS
    assert ModelStore(run.models).registry().champion("har") == ""


def test_no_close_is_missed_and_none_is_mixed(run: Run) -> None:
    """Forecasts of both horizons, every voter's vote and a decision at each, by one version."""
    ((_, promoted),) = run.facts(ModelPromoted)
    ((_, back),) = run.facts(ModelRolledBack)
    closes = [close_ns for close_ns, _ in run.facts(Decision)]
    voters = {vote.voter for _, vote in run.facts(Vote)}

    assert len(closes) == len(set(closes)) >= 38
    for close_ns in closes:
        forecasts = [fact for at_ns, fact in run.facts(VolatilityForecast) if at_ns == close_ns]
        votes = [fact.voter for at_ns, fact in run.facts(Vote) if at_ns == close_ns]
        serves = promoted.effective_from_ns <= close_ns < back.effective_from_ns
        assert sorted(votes) == sorted(voters)
        assert [fact.horizon_bars for fact in forecasts] == [4, 16]
        assert {fact.model == promoted.version for fact in forecasts} == {serves}
