"""Who weighs what: a slow fixed-share Hedge, times each voter's chance of being worth hearing.

Hedge shares the weight out among the voters and an expert who always says 0.5; it is slow, because
a fast one follows luck. It only compares, so among voters who all know nothing it leaves most of
the weight with them. Therefore each voter also stands alone against 0.5: by Bayes' rule on the
Brier score, at a rate at which its claims count in full, the chance that it is worth hearing. A
voter's weight is the product; what is not heard goes to the constant expert. Weights stay what the
arbitration expects: at least 0, and 1 in sum.

Sources: Herbster, Warmuth, "Tracking the best expert" (1998) for the Hedge; the exponentially
weighted pair of experts of Cesa-Bianchi, Lugosi, *Prediction, Learning, and Games* (2006), chapter
2, for the hearing.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from models.learning.scoring import equal_weights, hedge

LOG_ODDS_MAX: Final = 20.0
"""Bound of the chance of being worth hearing: no record is so bad that nothing could mend it."""


class WeighingTerms(NamedTuple):
    """How fast weights move."""

    rate: float
    """Learning rate of the Hedge on the Brier score."""
    share: float
    """Share of the weight that is spread evenly after every outcome."""
    hearing_prior: float
    """Chance that a voter without a record is worth hearing, in (0, 1)."""
    hearing_rate: float
    """Rate at which a voter's own losses against 0.5 move that chance."""


class Weighing(NamedTuple):
    """What the outcomes so far have made of the voters."""

    hedged: tuple[float, ...]
    """Weights of the Hedge, the constant expert's last; they sum to 1."""
    log_odds: tuple[float, ...]
    """Log-odds of each voter of being worth hearing."""

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights that serve, the constant expert's last; they sum to 1."""
        heard = [
            weight / (1.0 + math.exp(-odds))
            for weight, odds in zip(self.hedged[:-1], self.log_odds, strict=True)
        ]
        return (*heard, 1.0 - math.fsum(heard))


def unjudged(
    voters: int, terms: WeighingTerms, latecomers: frozenset[int] = frozenset()
) -> Weighing:
    """Return the weighing before the first outcome.

    Parameters
    ----------
    voters : int
        How many there are beside the constant expert.
    terms : WeighingTerms
        See there.
    latecomers : frozenset of int
        Places of those who weigh nothing before their first outcome, and then join by `judge`.
    """
    prior = terms.hearing_prior
    equal = iter(equal_weights(voters + 1 - len(latecomers)))
    hedged = tuple(0.0 if each in latecomers else next(equal) for each in range(voters + 1))
    return Weighing(hedged, (_bounded(math.log(prior / (1.0 - prior))),) * voters)


def judge(
    weighing: Weighing,
    excess: Sequence[float | None],
    evidence: Sequence[float],
    terms: WeighingTerms,
) -> Weighing:
    """Return the weighing after one more outcome.

    Parameters
    ----------
    weighing : Weighing
        As it was before.
    excess : sequence of float or None
        Brier loss of each voter over that of 0.5; None for one who abstained and is not judged.
    evidence : sequence of float
        What the outcome counts for with each voter, in (0, 1]: 1 where it overlaps no other.
        Overlapping outcomes share what is one outcome's worth of luck.
    terms : WeighingTerms
        See there.

    Who has weighed nothing so far joins with an equal share, which the others give up in
    proportion; it is as if everybody had waited for the latecomer.
    """
    weighing = weighing._replace(hedged=_joined(weighing.hedged, (*excess, 0.0)))
    scaled = [
        None if each is None else counts * each
        for each, counts in zip(excess, evidence, strict=True)
    ]
    judged = [counts for each, counts in zip(excess, evidence, strict=True) if each is not None]
    if not judged:
        return weighing
    log_odds = tuple(
        odds if each is None else _bounded(odds - terms.hearing_rate * each)
        for odds, each in zip(weighing.log_odds, scaled, strict=True)
    )
    share = 1.0 - (1.0 - terms.share) ** max(judged)
    return Weighing(hedge(weighing.hedged, (*scaled, 0.0), terms.rate, share), log_odds)


def _joined(hedged: tuple[float, ...], excess: Sequence[float | None]) -> tuple[float, ...]:
    for place, loss in enumerate(excess):
        if loss is not None and hedged[place] == 0.0:
            share = 1.0 / (1 + sum(weight > 0.0 for weight in hedged))
            hedged = tuple(
                share if other == place else (1.0 - share) * weight
                for other, weight in enumerate(hedged)
            )
    return hedged


def _bounded(log_odds: float) -> float:
    return min(max(log_odds, -LOG_ODDS_MAX), LOG_ODDS_MAX)
