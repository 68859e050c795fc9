"""Whole weeks under faults: no promise is broken, and the same seed gives the same week."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from runtime.simulation.campaign import Campaign, Outcome
from runtime.simulation.run import SimulationResult, run, simulate

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from runtime.simulation.run import simulate
print(simulate(int(sys.argv[1]), sys.argv[2]).journal_hash)
"""
ORDERS_MIN = 30
"""Orders that a week without faults must have, for faults to meet some."""


def hash_in_a_process(seed: int, mode: str, hash_seed: str) -> str:
    """Return the journal hash of a seed, run in an interpreter with another hash of text."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(seed), mode],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@cache
def without_faults(seed: int) -> SimulationResult:
    """Return a week in which nothing goes wrong."""
    return simulate(seed, faults=False)


@pytest.mark.parametrize("mode", ["safety", "liveness"])
def test_p7_the_same_seed_gives_the_same_journal(mode: str) -> None:
    """Two interpreters that order text differently write the same bytes."""
    assert hash_in_a_process(11, mode, "1") == hash_in_a_process(11, mode, "2")


def test_p7_another_seed_gives_another_journal() -> None:
    """A hash that is always the same would prove nothing."""
    assert without_faults(2).journal_hash != without_faults(3).journal_hash


@pytest.mark.parametrize("seed", [2, 3])
def test_a_week_without_faults_breaks_nothing_and_trades(seed: int) -> None:
    """The scenario is one in which there is something to go wrong."""
    week = without_faults(seed)

    assert week.violations == ()
    assert week.families == {}
    assert week.orders >= ORDERS_MIN


def test_faults_that_are_planned_strike() -> None:
    """What the result counts is what the history holds."""
    week, history = run(7)

    assert sum(week.families.values()) == len(history.faults) > 0
    assert history.entries
    assert history.requests


@pytest.mark.simulation
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_weeks_under_faults_break_nothing() -> None:
    """No promise is broken in either mode, and every second run gives the same journal."""
    campaign = Campaign(range(100), "both", jobs=2, twice=True)

    broken: list[Outcome] = [outcome for outcome in campaign.outcomes() if outcome.is_broken]

    assert broken == []
    assert campaign.done == 100
