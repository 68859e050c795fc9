"""Bars to policy: the rules' opinions, the lattice over them, PPO and its rivals."""

from models.learning.adaptation.ppo import PPOTerms, train_policy
from models.learning.adaptation.sessions import Terms
from models.learning.adaptation.training import AdaptationTerms, Train, kept_training, train_ppo
from models.learning.candidate import Candidate, Untrained
from models.market.sessions import WEEK_NS
from runtime.columns.figures import overridden
from runtime.columns.rules import rule_columns
from runtime.training.bars_market import BarsMarket
from runtime.training.checkpoint_folder import CheckpointFolder
from runtime.training.lattice import lattice_of, space_of
from runtime.training.lesson import Lesson

LATTICE_SHARE = 0.3
"""Share of the whole that making the lattice takes, for the progress."""


def train_adaptation(lesson: Lesson) -> Candidate | Untrained:
    """Return the policy that a lesson teaches, judged beside its rivals."""
    terms = adaptation_terms(lesson)
    weeks = lesson.settings.anchor_weeks + 1
    bars = {symbol: each for symbol, each in lesson.bars.items() if len(each)}
    length_ns = lesson.settings.timeframe.length_ns
    market = BarsMarket(bars, length_ns) if bars else None
    span_ns = 0 if market is None else market.end_ns - market.start_ns
    if market is None or span_ns <= weeks * WEEK_NS:
        return Untrained("weeks", span_ns // WEEK_NS, weeks + 1)
    settings = overridden(lesson.settings, {"symbols": list(bars)})
    start_ns = market.start_ns + settings.anchor_weeks * WEEK_NS
    columns, known = rule_columns(market, settings, start_ns, market.end_ns)
    space = space_of(settings)
    lattice = lattice_of(
        columns, known, space, lambda share, word: lesson.advance(LATTICE_SHARE * share, word)
    )
    train: Train = train_policy
    if lesson.checkpoints is not None:
        train = kept_training(train, CheckpointFolder(lesson.checkpoints))
    return train_ppo(
        lattice,
        space,
        terms,
        lesson.seed,
        train,
        advance=lambda share, word: lesson.advance(
            LATTICE_SHARE + (1.0 - LATTICE_SHARE) * share, word
        ),
    )


def adaptation_terms(lesson: Lesson) -> AdaptationTerms:
    """Return how the settings want adaptation to be trained."""
    section = lesson.settings.agents.learner.adaptation
    return AdaptationTerms(
        windows=section.windows,
        seeds=section.seeds,
        sessions=Terms(move_frac=section.move_frac),
        learning=PPOTerms(steps=section.steps),
    )
