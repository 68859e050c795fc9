"""Training a direction model, and the evidence by which it is judged.

The span is parted by instants, the same for all symbols. The last fifth, and at least twenty
trading days, is the evidence: looked at once, by the finished model. On what has settled before it
a walk-forward of four tests shows whether such a model has skill at all; then the model is fitted
on the whole of it. Every fit, those of the walk-forward included, calibrates on its latest quarter,
which the classifier has not seen. One configuration is tried and none is chosen among, so each
training is one trial.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, MutableMapping
from typing import Final, NamedTuple

import numpy as np

from models.learning.candidate import Candidate, ForecastEvidence, Trial, Untrained
from models.learning.drift import reference_of
from models.learning.skill import Skill, auc, skill_of
from models.learning.splits import Split, purged_split, walk_forward_splits
from models.market.bars import BarArray, FloatArray, bin_opens_ns
from models.market.sessions import DAY_NS
from models.opinion.calibration import fit_calibration
from models.opinion.classifiers import Boosted, Classifier, Forest, Line
from models.opinion.direction import IGNORANCE, LOADERS, DirectionModel, Sigmoid, load_direction
from models.opinion.direction_lstm import SequenceNet
from models.opinion.direction_rows import DirectionRows, DirectionTerms, direction_rows
from models.opinion.meta_label import time_decay
from models.opinion.novelty import familiarity_of

EVIDENCE_DAYS: Final = 20
"""Trading days that nothing is fitted on, at least."""
EVIDENCE_FRAC: Final = 0.2
"""Share of the span that nothing is fitted on, at least."""
TESTS: Final = 4
FIRST_TRAIN_FRAC: Final = 0.4
CALIBRATION_FROM: Final = 0.75
"""Share of the rows that the classifier sees; the later ones calibrate it."""
RIDGE_ROWS: Final = 50.0
"""Pull of the calibration towards 0.5, in rows."""

Fit = Callable[[DirectionRows, FloatArray, int], Classifier]
"""Fits a classifier on rows, with a weight for each, under a seed."""

KEPT: Final = frozenset({"direction_lstm"})
"""Families whose fits take minutes, so that an interrupted training goes on from those it has."""
FITS: Final[Mapping[str, Fit]] = {
    "rf": Forest.fit,
    "xgboost": Boosted.fit,
    "logistic": Line.fit,
    "direction_lstm": SequenceNet.fit,
}


class Fitted(NamedTuple):
    """A classifier with its calibration."""

    classifier: Classifier
    sigmoid: Sigmoid

    def probability(self, rows: DirectionRows) -> FloatArray:
        """Return the calibrated chance of each row."""
        return self.sigmoid.probability(self.classifier.probability(rows.inputs))


class WalkForward(NamedTuple):
    """Calibrated chances of rows that their model had not seen."""

    rows: DirectionRows
    probability: FloatArray
    skill: Skill


def train_direction(
    family: str,
    bars: Mapping[str, BarArray],
    length_ns: int,
    terms: DirectionTerms,
    seed: int,
    champion: Mapping[str, bytes],
    checkpoints: MutableMapping[str, bytes] | None = None,
) -> Candidate | Untrained:
    """Train one family of direction models on the signals of all symbols.

    Parameters
    ----------
    family : str
        A key of `FITS`.
    bars : mapping of str to BarArray
        Closed bars of the trading timeframe of each symbol, oldest first.
    length_ns : int
        Length of a bar.
    terms : DirectionTerms
        What a signal is.
    seed : int
        Of whatever the fit draws.
    champion : mapping of str to bytes
        Files of the model of this family that serves now; empty where none does.
    checkpoints : mutable mapping of str to bytes, optional
        Fits that an interrupted training has left, of families that take minutes; what comes of
        them is the same to the last bit.

    Returns
    -------
    Candidate or Untrained
        Losses are Brier scores of what would be published: 0.5 where the model abstains. The
        baseline is the better, in hindsight, of 0.5 and the base rate of the training: a model
        that only stays silent, or only knows the base rate, never beats it.
    """
    rows = direction_rows(bars, length_ns, terms)
    if len(rows) < terms.rows_min:
        return Untrained("too few signals", len(rows), terms.rows_min)
    days = len(np.unique(bin_opens_ns(rows.close_ns - 1, DAY_NS)))
    if days < 3 * EVIDENCE_DAYS:
        return Untrained("too few trading days", days, 3 * EVIDENCE_DAYS)
    split = evidence_split(rows)
    known = rows.take(split.train)
    outcomes = int(min(known.target_first.sum(), (1.0 - known.target_first).sum()))
    if outcomes < terms.rows_min // 10:
        return Untrained("too few of one outcome", outcomes, terms.rows_min // 10)
    fit = FITS[family]
    if checkpoints is not None and family in KEPT:
        fit = kept_fit(family, fit, checkpoints)
    walked = walk_forward(fit, known, seed)
    unseen = rows.take(split.test)
    fitted = fit_calibrated(fit, known, seed)
    leak = leaks(walked, unseen, fitted.probability(unseen), terms.leak_auc_max)
    if leak is not None:
        return leak
    model = _model_of(family, terms, known, fitted, walked.skill)
    return Candidate(
        family=family,
        files=model.files(),
        feature_schema=model.schema,
        rows=len(known),
        trained_until_ns=int(known.settled_ns.max()),
        data_hash=_hash_of(rows),
        evidence=_evidence(model, known, unseen, champion),
        trials=(Trial(_parameters(family, terms), walked.skill.brier_skill),),
    )


def kept_fit(family: str, fit: Fit, checkpoints: MutableMapping[str, bytes]) -> Fit:
    """Return a fit that leaves its classifier under a name of all that it was given.

    Asked for the same again, also after an interruption, it reads what was left.
    """
    load = LOADERS[family][1]

    def kept(rows: DirectionRows, weight: FloatArray, seed: int) -> Classifier:
        name = f"{_hash_of(rows, weight, seed)[:32]}.fit"
        left = checkpoints.get(name)
        if left is not None:
            try:
                return load(left)
            except ValueError:
                pass  # it was cut off: fitted anew
        fitted = fit(rows, weight, seed)
        checkpoints[name] = fitted.content()
        return fitted

    return kept


def evidence_split(rows: DirectionRows) -> Split:
    """Return the rows that may be fitted on, and the latest ones, by which the model is judged."""
    days_ns = np.unique(bin_opens_ns(np.sort(rows.close_ns) - 1, DAY_NS))
    span_ns = int(rows.close_ns.max() - rows.close_ns.min())
    by_days_ns = int(days_ns[-EVIDENCE_DAYS])
    by_share_ns = int(rows.close_ns.max() - EVIDENCE_FRAC * span_ns)
    return purged_split(rows.close_ns, rows.settled_ns, min(by_days_ns, by_share_ns))


def fit_calibrated(fit: Fit, rows: DirectionRows, seed: int) -> Fitted:
    """Fit a classifier on the earlier rows, and its sigmoid on the later ones.

    Where the later rows show no positive relation the slope is 0: everything is the base rate.
    """
    border_ns = int(np.quantile(rows.close_ns, CALIBRATION_FROM))
    split = purged_split(rows.close_ns, rows.settled_ns, border_ns)
    early, late = rows.take(split.train), rows.take(split.test)
    classifier = fit(early, early.weight * time_decay(early.close_ns), seed)
    raw = classifier.probability(late.inputs)
    found = fit_calibration(np.log(raw / (1.0 - raw)), late.target_first, late.weight, RIDGE_ROWS)
    return Fitted(classifier, Sigmoid(found.intercept, max(found.slope, 0.0)))


def walk_forward(fit: Fit, rows: DirectionRows, seed: int) -> WalkForward:
    """Return what models fitted on the past say of each later row, and how good that was."""
    splits = walk_forward_splits(rows.close_ns, rows.settled_ns, TESTS, FIRST_TRAIN_FRAC)
    said = [
        fit_calibrated(fit, rows.take(split.train), seed).probability(rows.take(split.test))
        for split in splits
    ]
    tested = rows.take(np.concatenate([split.test for split in splits]))
    probability = np.concatenate(said)
    skill = skill_of(
        probability,
        tested.target_first,
        tested.weight,
        tested.close_ns,
        np.random.default_rng(seed),
    )
    return WalkForward(tested, probability, skill)


def leaks(
    walked: WalkForward, unseen: DirectionRows, probability: FloatArray, auc_max: float
) -> Untrained | None:
    """Return the refusal if the rows are told apart better than prices can be, None if not.

    Nothing known foretells intraday prices so well; a model that seems to has seen the answer.
    """
    judged = {
        "walk-forward": walked.skill.auc,
        "evidence": auc(probability, unseen.target_first, unseen.weight),
    }
    name, worst = max(judged.items(), key=lambda each: each[1])
    if not worst > auc_max:
        return None
    percent, limit = round(100.0 * worst), round(100.0 * auc_max)
    return Untrained(f"leak alarm: AUC {worst:.3f} in the {name}, in percent", percent, limit)


def _model_of(
    family: str, terms: DirectionTerms, known: DirectionRows, fitted: Fitted, skill: Skill
) -> DirectionModel:
    features = known.inputs.features
    return DirectionModel(
        family=family,
        schema=terms.schema,
        classifier=fitted.classifier,
        sigmoid=fitted.sigmoid,
        familiarity=familiarity_of(features),
        skill=skill,
        references=tuple(reference_of(column) for column in features.T),
    )


def _evidence(
    model: DirectionModel,
    known: DirectionRows,
    unseen: DirectionRows,
    champion: Mapping[str, bytes],
) -> ForecastEvidence:
    base_rate = float((known.weight * known.target_first).sum() / known.weight.sum())
    constants = [(level - unseen.target_first) ** 2 for level in (IGNORANCE, base_rate)]
    baseline_loss = min(constants, key=lambda losses: float(losses.mean()))
    champion_loss = baseline_loss
    if champion:
        incumbent = load_direction(champion)
        if incumbent.schema == model.schema:
            champion_loss = (incumbent.published(unseen.inputs) - unseen.target_first) ** 2
    return ForecastEvidence(
        close_ns=unseen.close_ns,
        settled_ns=unseen.settled_ns,
        loss=(model.published(unseen.inputs) - unseen.target_first) ** 2,
        baseline_loss=baseline_loss,
        champion_loss=champion_loss,
    )


def _parameters(family: str, terms: DirectionTerms) -> str:
    figures = {"family": family, "signal_min": terms.signal_min, "tests": TESTS}
    return json.dumps(figures, sort_keys=True)


def _hash_of(rows: DirectionRows, weight: FloatArray | None = None, seed: int = 0) -> str:
    digest = hashlib.sha256("\0".join(rows.inputs.symbols).encode())
    inputs = rows.inputs
    columns = [rows.close_ns, inputs.features, inputs.sequences, rows.target_first]
    if weight is not None:
        columns += [rows.settled_ns, weight, np.array([seed])]
    for column in columns:
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
