"""Walk-forward search: windows, scores, plateaus and what is handed to the judges."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.learning.best_params import FILE, NAMES, load_best_params
from models.learning.candidate import Candidate, StrategyEvidence, Untrained
from models.learning.walkforward import (
    UNSCORED,
    Judged,
    Outcome,
    SearchTerms,
    Window,
    WindowResult,
    at_ends,
    candidate_of,
    choose,
    grid,
    neighbours,
    sampled,
    score,
    windows,
)
from models.market.sessions import DAY_NS
from runtime.model_store import ModelStore
from runtime.training.search_report import open_ends
from tests.bar_writers import some_bars, write_parquet
from tests.command_line import MONDAY_NS, CommandLine

TERMS = SearchTerms(in_days=20, out_days=10, step_days=10, trades_min=3)
AXES = {"atr_multiplier": (1.0, 2.0, 3.0), "min_rr_ratio": (2.5, 3.5)}
STATIC = dict.fromkeys(NAMES, 0.005)


def an_outcome(seed: int, days: int = 10, mean: float = 0.0) -> Outcome:
    """Return some days and four trades."""
    generator = np.random.default_rng(seed)
    return Outcome(generator.normal(mean, 0.01, days), np.array([1.0, -1.0, 2.0, -1.0]))


def a_search(count: int) -> Judged:
    """Return a search of some windows over the grid."""
    trials = grid(AXES)
    results = tuple(
        WindowResult(
            window=Window(0, (20 + 10 * number) * DAY_NS, (30 + 10 * number) * DAY_NS),
            chosen=number % len(trials),
            in_score=1.0,
            out_scores=np.arange(float(len(trials))),
            out=tuple(an_outcome(10 * number + each) for each in range(len(trials))),
            champion=an_outcome(99),
        )
        for number in range(count)
    )
    return Judged(trials, AXES, results, 2, np.arange(float(len(trials))))


def test_windows_follow_each_other_without_gap_or_overlap() -> None:
    """20 days choose, the next 10 are scored: over 50 days three windows."""
    found = windows(0, 50 * DAY_NS, TERMS)

    days = [tuple(each // DAY_NS for each in window) for window in found]
    assert days == [(0, 20, 30), (10, 30, 40), (20, 40, 50)]


def test_no_day_is_scored_twice() -> None:
    """A step shorter than the stretch out of sample is refused."""
    with pytest.raises(ValueError, match="count twice"):
        windows(0, 99 * DAY_NS, TERMS.__class__(20, 10, 5))


def test_a_score_is_sharpe_and_expectancy_of_enough_trades() -> None:
    """Returns of 1 % and 0 by turns: Sharpe 1 · sqrt(260 days), less a little for ddof, plus R."""
    returns = np.tile([0.01, 0.0], 50)
    outcome = Outcome(returns, np.array([2.0, -1.0, -1.0, 1.0]))

    from models.learning.returns import sharpe_ratio

    assert score(outcome, TERMS) == pytest.approx(sharpe_ratio(returns).value + 0.25)
    assert score(outcome._replace(r_multiples=np.array([2.0, -1.0])), TERMS) == UNSCORED


def test_a_plateau_is_preferred_to_a_peak() -> None:
    """The median of a trial and its neighbours decides: the lone 9 loses to 5, 5, 5."""
    axes = {"atr_multiplier": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)}
    scores = np.array([9.0, 0.0, 0.0, 5.0, 5.0, 5.0])

    assert choose(scores, grid(axes), axes) in (3, 4, 5)
    assert neighbours({"atr_multiplier": 2.0}, grid(axes), axes) == [0, 2]


def test_a_sampled_trial_is_judged_by_the_cell_around_it() -> None:
    """Between two values on each axis the corners of the cell are its neighbours, and it theirs."""
    trials = (*grid(AXES), {"atr_multiplier": 1.4, "min_rr_ratio": 3.0})

    # the grid: 1, 2, 3 ranges by ratios 2.5, 3.5; 1.4 lies between 1 and 2
    assert neighbours(trials[6], trials, AXES) == [0, 1, 2, 3]
    assert neighbours(trials[0], trials, AXES) == [1, 2, 6]
    assert neighbours(trials[5], trials, AXES) == [3, 4]


def test_a_sampled_peak_without_good_surroundings_is_not_chosen() -> None:
    """A lone 9 between corners of 0 loses to a plateau of 2 on the grid."""
    trials = (*grid(AXES), {"atr_multiplier": 1.4, "min_rr_ratio": 3.0})

    assert choose(np.array([0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 9.0]), trials, AXES) in (4, 5)


def test_ends_of_the_grid_are_named() -> None:
    """Who chooses the last value of an axis has not seen what lies beyond."""
    assert at_ends({"atr_multiplier": 3.0, "min_rr_ratio": 3.0}, AXES) == ("atr_multiplier",)


def test_ends_that_are_bounds_of_the_setting_are_not_open() -> None:
    """A stop of 4 ranges is the setting's bound, one of 2 is not."""
    axes = {"atr_multiplier": (2.0, 3.0, 4.0)}

    assert open_ends({"atr_multiplier": 4.0}, axes) == ()
    assert open_ends({"atr_multiplier": 2.0}, axes) == ("atr_multiplier",)


def test_sampled_trials_stay_in_the_axes_and_repeat() -> None:
    """Optuna is asked and told; one seed gives one answer."""
    told = [(trial, float(place)) for place, trial in enumerate(grid(AXES))]

    one, two = (sampled(AXES, told, 5, seed=3) for _ in range(2))

    assert one == two
    assert all(1.0 <= each["atr_multiplier"] <= 3.0 for each in one)
    assert all(2.5 <= each["min_rr_ratio"] <= 3.5 for each in one)


def test_a_candidate_is_the_chain_of_windows_and_every_trial() -> None:
    """Returns of the chosen trials follow each other; all trials keep theirs."""
    found = a_search(3)

    result = candidate_of(found, STATIC, "d" * 64, "c" * 64)

    assert isinstance(result, Candidate)
    assert isinstance(result.evidence, StrategyEvidence)
    chain = [found.results[number].out[number].day_returns for number in range(3)]
    assert np.array_equal(result.evidence.day_returns, np.concatenate(chain))
    assert [len(trial.returns) for trial in result.trials] == [30] * 6
    assert result.evidence.trades == 12
    content = json.loads(result.files[FILE])
    assert len(content["sharpe_out_of_sample"]) == 3
    assert content["trials"] == 6
    assert load_best_params(result.files) == {**STATIC, **found.trials[2]}


def test_one_window_proves_nothing() -> None:
    """It is a result, not a candidate."""
    assert candidate_of(a_search(1), STATIC, "", "") == Untrained("windows", 1, 2)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 2}', b'{"format": 1, "values": {}}'])
def test_a_broken_winner_is_refused(content: bytes) -> None:
    """Values that are not all there set nothing."""
    with pytest.raises(ValueError, match="best_params"):
        load_best_params({FILE: content})


def test_a_search_is_stored_judged_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verb leaves winner, report and picture; store and registry know verdict and trials."""
    quorum = CommandLine(tmp_path / "var", monkeypatch, capsys)
    write_parquet(tmp_path / "bars/EURUSD_H1.parquet", some_bars(MONDAY_NS, 2200, minutes=60))
    shape = {"in_days": 30, "out_days": 20, "step_days": 20, "trades_min": 2, "sampled_trials": 4}
    settings = [f"--set=agents.learner.walkforward.{name}={days}" for name, days in shape.items()]
    here = ("--history", tmp_path / "bars", "--symbols", "EURUSD", "--set", "timeframe=H1")

    said = quorum("walkforward", *here, *settings, "--json")

    report = json.loads(said.out)
    assert len(report["windows"]) >= 2
    assert not report["passed"]
    folder = quorum.home / "walkforward"
    assert load_best_params({FILE: (folder / FILE).read_bytes()}).keys() == set(NAMES)
    assert (folder / "out_of_sample.html").stat().st_size > 10_000
    store = ModelStore(quorum.home / "models" / "real")
    (verdict,) = store.registry().judged("walkforward")
    assert not verdict.is_promoted
    assert store.registry().champion("walkforward") == ""
    assert len(store.registry().trial_ids("walkforward")) == report["trials"] == 108 + 4
    assert report["version"] == verdict.version
    assert 1.0 <= report["effective_trials"] <= 112
