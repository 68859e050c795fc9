"""PPO trained window after window, judged beside its rivals on what came after, and then kept.

Every window trains all seeds on the sessions before it and plays the sessions in it. What is handed
over is trained on all sessions, by the same recipe; the recipe is what the windows have judged.
"""

import hashlib
import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.learning.adaptation.evaluation import Deployment, deployment, follow, play, stand
from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import NAMES
from models.learning.adaptation.policy import (
    Council,
    Policy,
    files_of,
    load_policies,
    saved_policies,
)
from models.learning.adaptation.ppo import PPOTerms, train_policy
from models.learning.adaptation.rivals import best_static, rivals_of
from models.learning.adaptation.sessions import Terms
from models.learning.candidate import Candidate, StrategyEvidence, Trial, Untrained
from models.learning.returns import deepest_fall
from models.market.bars import FloatArray

FAMILY: Final = "ppo"
EVALUATION_FILE: Final = "evaluation.json"
PURGED: Final = 3
"""Sessions between training and test: a trade that is entered in one ends in a later one."""
WINDOW_MIN: Final = 8
"""Fewest sessions of a test window."""
STATIC: Final = "best_static"

Train = Callable[[Lattice, Space, Terms, PPOTerms, int], Policy]
Advance = Callable[[float, str], None]


def _tell_nobody(_share: float, _word: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class AdaptationTerms:
    """How adaptation is trained and judged."""

    windows: int = 6
    seeds: int = 10
    first_frac: float = 0.4
    """Share of the sessions before the first window."""
    sessions: Terms = field(default_factory=Terms)
    learning: PPOTerms = field(default_factory=PPOTerms)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Change of log equity out of sample, of everybody on the same sessions."""

    gains: FloatArray
    """Of PPO over the best static cell in sample, shape (n_windows, n_seeds)."""
    growth: dict[str, FloatArray]
    """Of the mean of all seeds and of each rival, shape (n_sessions,)."""
    windows: tuple[tuple[int, int], ...]
    """Rows [first, last) of each window."""
    verdict: Deployment


def windows_of(sessions: int, terms: AdaptationTerms) -> tuple[tuple[int, int], ...]:
    """Return rows [first, last) of the test windows, equally long and in a row up to the end."""
    first = int(sessions * terms.first_frac)
    edges = np.linspace(first, sessions, terms.windows + 1).astype(int)
    return tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def sessions_needed(terms: AdaptationTerms) -> int:
    """Return the fewest sessions that can be trained and judged on."""
    in_windows = WINDOW_MIN * terms.windows / (1.0 - terms.first_frac)
    before = (terms.sessions.episode_min + PURGED) / terms.first_frac
    return int(np.ceil(max(in_windows, before)))


def kept_training(train: Train, checkpoints: MutableMapping[str, bytes]) -> Train:
    """Return a training that leaves each policy under a name of all that it was given.

    Asked for the same again, also after an interruption, it reads what was left, and what comes of
    the whole is the same to the last bit.
    """

    def kept(
        lattice: Lattice, space: Space, sessions: Terms, learning: PPOTerms, seed: int
    ) -> Policy:
        given = f"{lattice.content_hash} {lattice.start_ns[0]} {len(lattice)} "
        given += f"{space} {sessions} {learning} {seed}"
        name = f"{hashlib.sha256(given.encode()).hexdigest()[:32]}.policy"
        left = checkpoints.get(name)
        if left is not None:
            try:
                (policy,) = load_policies(left)
            except ValueError:
                pass  # it was cut off: trained anew
            else:
                return policy
        trained = train(lattice, space, sessions, learning, seed)
        checkpoints[name] = saved_policies((trained,))
        return trained

    return kept


def evaluate(
    lattice: Lattice,
    space: Space,
    terms: AdaptationTerms,
    seed: int,
    train: Train = train_policy,
    advance: Advance = _tell_nobody,
) -> Evaluation:
    """Train and play every window.

    Parameters
    ----------
    lattice, space : Lattice, Space
        Outcomes and bounds.
    terms : AdaptationTerms
        See there.
    seed : int
        Of networks, episodes, lots and bootstrap; each window and seed gets its own from it.
    train : callable
        Returns the policy of one seed.
    advance : callable
        Takes the share that is done, and a word about it.
    """
    windows = windows_of(len(lattice), terms)
    seeds = np.random.SeedSequence(seed).generate_state(terms.windows * terms.seeds).tolist()
    gains = np.zeros((terms.windows, terms.seeds))
    parts: dict[str, list[FloatArray]] = {}
    for window, (first, last) in enumerate(windows):
        known, test = lattice.rows(0, first - PURGED), lattice.rows(first, last)
        chance = np.random.default_rng([seed, window])
        standing = stand(test, best_static(known, space))
        policies = []
        for place in range(terms.seeds):
            number = window * terms.seeds + place
            policies.append(train(known, space, terms.sessions, terms.learning, int(seeds[number])))
            growth = play(test, space, terms.sessions, policies[-1].act)
            gains[window, place] = growth.sum() - standing.sum()
            advance((number + 1) / gains.size, f"window {window + 1}")
        council = Council(tuple(policies), space, terms.sessions.move_frac)
        parts.setdefault(FAMILY, []).append(play(test, space, terms.sessions, council.act))
        for rival in rivals_of(known, space, chance):
            found = follow(test, space, terms.sessions, rival.wants)
            parts.setdefault(rival.name, []).append(standing if rival.name == STATIC else found)
    return Evaluation(
        gains=gains,
        growth={name: np.concatenate(each) for name, each in parts.items()},
        windows=windows,
        verdict=deployment(gains, seed),
    )


def train_ppo(
    lattice: Lattice,
    space: Space,
    terms: AdaptationTerms,
    seed: int,
    train: Train = train_policy,
    advance: Advance = _tell_nobody,
) -> Candidate | Untrained:
    """Return the policies of all seeds with what they came to beside the best static cell.

    The candidate carries what `deployment` judges (`StrategyEvidence.paired_gains`): it may serve
    only if it beats the best static cell beyond chance.
    """
    needed = sessions_needed(terms)
    if len(lattice) < needed:
        return Untrained("sessions", len(lattice), needed)
    if not lattice.trades.any():
        return Untrained("trades", 0, 1)
    found = evaluate(lattice, space, terms, seed, train, advance)
    seeds = np.random.SeedSequence([seed, terms.windows]).generate_state(terms.seeds).tolist()
    policies = tuple(
        train(lattice, space, terms.sessions, terms.learning, int(each)) for each in seeds
    )
    council = Council(policies, space, terms.sessions.move_frac)
    files = files_of(council) | {EVALUATION_FILE: _told(found)}
    return Candidate(
        family=FAMILY,
        files=files,
        feature_schema=NAMES,
        rows=len(lattice),
        trained_until_ns=int(lattice.start_ns[-1]),
        data_hash=lattice.content_hash,
        evidence=_evidence(lattice, found),
        trials=_trials(found, terms),
    )


def _evidence(lattice: Lattice, found: Evaluation) -> StrategyEvidence:
    first = found.windows[0][0]
    days = _days_of(lattice, first)
    ours, theirs = (
        np.expm1(np.bincount(days, weights=found.growth[name])) for name in (FAMILY, STATIC)
    )
    cells = lattice.trades.reshape(len(lattice), -1)[first:]
    scores = [found.growth[FAMILY][one - first : two - first].sum() for one, two in found.windows]
    return StrategyEvidence(
        day_returns=ours,
        champion_day_returns=theirs,
        trades=int(np.median(cells.sum(axis=0))),
        fold_scores=np.array(scores),
        drawdown_frac=_fall_frac(ours),
        champion_drawdown_frac=_fall_frac(theirs),
        neighbour_scores=np.empty(0),
        score=float(np.sum(scores)),
        paired_gains=found.gains,
    )


def _fall_frac(returns: FloatArray) -> float:
    return deepest_fall(np.cumprod(np.concatenate([[1.0], 1.0 + returns]))).depth_frac


def _days_of(lattice: Lattice, first: int) -> np.ndarray:
    from models.market.sessions import trading_day

    days = [trading_day(int(at_ns) + 1).toordinal() for at_ns in lattice.start_ns[first:]]
    return np.unique(days, return_inverse=True)[1]


def _trials(found: Evaluation, terms: AdaptationTerms) -> tuple[Trial, ...]:
    """One trial for every seed, as if each had been picked from, and one for their mean."""
    settings = {"steps": terms.learning.steps, "discount": terms.learning.discount}
    mean = Trial(
        json.dumps({**settings, "acts": "mean"}, sort_keys=True),
        float(found.growth[FAMILY].sum()),
        found.growth[FAMILY],
    )
    each = (
        Trial(json.dumps({**settings, "seed": place}, sort_keys=True), float(gains.sum()))
        for place, gains in enumerate(found.gains.T)
    )
    return (mean, *each)


def _told(found: Evaluation) -> bytes:
    content = {
        "deployed": found.verdict.is_worth_it,
        "gain": found.verdict.gain,
        "gain_low": found.verdict.gain_low,
        "windows": found.verdict.windows,
        "windows_won": found.verdict.won,
        "log_growth": {name: float(growth.sum()) for name, growth in found.growth.items()},
    }
    return json.dumps(content, sort_keys=True).encode()
