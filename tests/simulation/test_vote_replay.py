"""Over recorded months the council's word is hardly worse than the best of its voters."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from blackboard.facts import Bar, Decision, Vote
from models.opinion.calibration import first_barrier
from runtime.proof.lineage import entries_of
from tests.council_run import over_history, run_to_its_end

DATA = Path(__file__).parents[3] / "shared/data/unlicensed_internal_only"
SYMBOLS = ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"]
MARGIN = 1e-3
"""Of the Brier score, by which the best voter in hindsight may be better."""


class Barrier(NamedTuple):
    """What a round's votes were made on."""

    distance: float
    horizon_bars: int


class Judged(NamedTuple):
    """Brier scores over the rounds in which anybody spoke; who abstains says 0.5."""

    council: float
    voters: dict[str, float]
    rounds: int


def judge(journal: Path) -> Judged:
    """Hold every decision of a journal, and the votes behind it, against what came."""
    bars: defaultdict[str, list[tuple[int, Bar]]] = defaultdict(list)
    barriers: dict[tuple[str, int], Barrier] = {}
    decisions: defaultdict[str, list[tuple[int, Decision]]] = defaultdict(list)
    for entry in entries_of(journal):
        match entry.fact:
            case Bar() as bar:
                bars[bar.scope].append((entry.ts_event_ns, bar))
            case Vote(voter="technical.trend") as vote:
                place = vote.scope, entry.ts_event_ns
                barriers[place] = Barrier(vote.barrier_distance, vote.horizon_bars)
            case Decision() as decision:
                decisions[decision.scope].append((entry.ts_event_ns, decision))
            case _:
                pass
    losses: defaultdict[str, list[float]] = defaultdict(list)
    for symbol, decided in decisions.items():
        closes_ns = [close_ns for close_ns, _ in bars[symbol]]
        high, low, close = (
            np.array([getattr(bar, name) for _, bar in bars[symbol]])
            for name in ("high", "low", "close")
        )
        for close_ns, decision in decided:
            barrier = barriers.get((symbol, close_ns))
            if barrier is None or all(share.abstains for share in decision.shares):
                continue
            rows = np.array([np.searchsorted(closes_ns, close_ns)])
            distance = np.array([barrier.distance])
            (label,), _ = first_barrier(high, low, close, rows, distance, barrier.horizon_bars)
            if np.isnan(label):
                continue
            losses["council"].append((decision.probability_up - label) ** 2)
            for share in decision.shares:
                said = 0.5 if share.abstains else share.probability_up
                losses[share.scope].append((said - label) ** 2)
    scores = {voter: float(np.mean(each)) for voter, each in losses.items()}
    council = scores.pop("council")
    return Judged(council, scores, len(losses["council"]))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
def test_on_replay_the_council_is_hardly_worse_than_the_best_voter(tmp_path: Path) -> None:
    """Within 1e-3 of Brier of the best in hindsight, over two months of four symbols."""
    settings = over_history(tmp_path, DATA / "m1", SYMBOLS, "2018-02-01", "2018-03-31", {})

    judged = judge(run_to_its_end(settings).journal)

    assert judged.rounds >= 1000
    assert judged.council <= min(judged.voters.values()) + MARGIN
