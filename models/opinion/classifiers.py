"""Three classifiers of features, each with a file format that runs no code: forest, trees, line.

What they say is raw; `direction` calibrates it. Each is small on purpose: leaves of fifty rows
cannot memorise, and the line beside them shows what there is without any bending. Sources: Breiman,
"Random forests" (2001); Chen, Guestrin, "XGBoost" (2016).
"""

import json
from typing import Any, Final, Protocol
from zipfile import BadZipFile

import numpy as np

from models.learning.splits import purged_split
from models.market.bars import FloatArray
from models.opinion.direction_rows import DirectionRows, Inputs

LEAF_ROWS_MIN: Final = 50
"""Rows of a leaf; with one, a forest repeats its training by heart."""
FOREST_TREES: Final = 120
BOOST_ROUNDS_MAX: Final = 300
BOOST_PATIENCE: Final = 20
"""Rounds without a gain on the later rows of the training before boosting stops."""
BOOST: Final[dict[str, Any]] = {
    "objective": "binary:logistic",
    "max_depth": 3,
    "eta": 0.05,
    "min_child_weight": 50.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "nthread": 1,
    "verbosity": 0,
}
BOOST_STOP_FRAC: Final = 0.85
"""Share of the training rows that boosting fits; the later ones tell it when to stop."""
LINE_PENALTY: Final = 0.01
"""Inverse strength C of the line's L2 penalty on standardised features."""
PROBABILITY_EDGE: Final = 1e-4
"""Raw probabilities are kept this far from 0 and 1, so that their log-odds are finite."""
_COLUMNS: Final = ("centre", "scale", "slopes")
TRUSTED: Final = ("sklearn.tree._tree.Tree",)
"""The only type that a forest's file may hold beside what skops takes for harmless itself."""


class Classifier(Protocol):
    """A fitted classifier."""

    def probability(self, inputs: Inputs) -> FloatArray:
        """Return the raw chance of a yes in each row, shape (n_rows,), in (0, 1)."""

    def content(self) -> bytes:
        """Return the file from which it can be loaded; runs no code when it is."""


class Forest:
    """A random forest."""

    file: Final = "forest.skops"

    def __init__(self, fitted: Any) -> None:
        self._fitted = fitted

    @classmethod
    def fit(cls, rows: DirectionRows, weight: FloatArray, seed: int) -> "Forest":
        """Return a forest fitted on rows that hold both outcomes."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=FOREST_TREES,
            min_samples_leaf=LEAF_ROWS_MIN,
            max_features="sqrt",
            random_state=seed,
            n_jobs=1,
        )
        return cls(forest.fit(rows.inputs.features, rows.target_first, sample_weight=weight))

    @classmethod
    def load(cls, content: bytes) -> "Forest":
        """Return a forest from its file; ValueError if that is none, or holds foreign types."""
        from sklearn.ensemble import RandomForestClassifier
        from skops.io import get_untrusted_types, loads

        try:
            foreign = set(get_untrusted_types(data=content)) - set(TRUSTED)
            if foreign:
                raise ValueError(f"{cls.file} holds types that are not trusted: {sorted(foreign)}")
            forest = loads(content, trusted=list(TRUSTED))
        except (BadZipFile, OSError, EOFError, KeyError, TypeError) as error:
            raise ValueError(f"{cls.file} is no forest: {error!r}") from error
        if not isinstance(forest, RandomForestClassifier):
            raise ValueError(f"{cls.file} is no forest but {type(forest).__name__}")
        return cls(forest)

    def probability(self, inputs: Inputs) -> FloatArray:
        """Return the raw chance of a yes in each row."""
        return _inside(self._fitted.predict_proba(inputs.features)[:, 1])

    def content(self) -> bytes:
        """Return the forest as a skops file."""
        from skops.io import dumps

        written: bytes = dumps(self._fitted)
        return written


class Boosted:
    """Boosted trees."""

    file: Final = "trees.ubj"

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    @classmethod
    def fit(cls, rows: DirectionRows, weight: FloatArray, seed: int) -> "Boosted":
        """Return trees fitted on the earlier rows, as many as the later ones had use for."""
        import xgboost

        border_ns = int(np.quantile(rows.close_ns, BOOST_STOP_FRAC))
        split = purged_split(rows.close_ns, rows.settled_ns, border_ns)
        train, stop = (
            xgboost.DMatrix(
                rows.inputs.features[part], rows.target_first[part], weight=weight[part]
            )
            for part in (split.train, split.test)
        )
        booster = xgboost.train(
            {**BOOST, "seed": seed},
            train,
            num_boost_round=BOOST_ROUNDS_MAX,
            evals=[(stop, "later")],
            early_stopping_rounds=BOOST_PATIENCE,
            verbose_eval=False,
        )
        return cls(booster[: booster.best_iteration + 1])

    @classmethod
    def load(cls, content: bytes) -> "Boosted":
        """Return trees from their file, which must be whole: XGBoost aborts on one that is not."""
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        return cls(booster)

    def probability(self, inputs: Inputs) -> FloatArray:
        """Return the raw chance of a yes in each row."""
        return _inside(np.asarray(self._booster.inplace_predict(inputs.features), np.float64))

    def content(self) -> bytes:
        """Return the trees as UBJSON."""
        return bytes(self._booster.save_raw("ubj"))


class Line:
    """A logistic regression on standardised features."""

    file: Final = "line.json"

    def __init__(
        self, centre: FloatArray, scale: FloatArray, slopes: FloatArray, at: float
    ) -> None:
        self._centre, self._scale, self._slopes, self._at = centre, scale, slopes, at

    @classmethod
    def fit(cls, rows: DirectionRows, weight: FloatArray, seed: int) -> "Line":
        """Return a line fitted on rows that hold both outcomes; the fit is convex, without luck."""
        from sklearn.linear_model import LogisticRegression

        features = rows.inputs.features
        centre, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 0.0, scale, 1.0)
        line = LogisticRegression(C=LINE_PENALTY, max_iter=1_000, random_state=seed)
        line.fit((features - centre) / scale, rows.target_first, sample_weight=weight)
        return cls(centre, scale, line.coef_[0], float(line.intercept_[0]))

    @classmethod
    def load(cls, content: bytes) -> "Line":
        """Return a line from its file; ValueError if that is none."""
        try:
            read = json.loads(content)
            centre, scale, slopes = (np.array(read[name], np.float64) for name in _COLUMNS)
            at = float(read["at"])
        except (KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"{cls.file} holds no line: {error!r}") from error
        if not (centre.ndim == 1 and centre.shape == scale.shape == slopes.shape):
            raise ValueError(f"{cls.file} must hold columns of one length")
        if not all(np.isfinite(each).all() for each in (centre, scale, slopes, at)):
            raise ValueError(f"{cls.file} must hold finite figures")
        if not (scale > 0.0).all():
            raise ValueError(f"{cls.file} must hold scales above 0")
        return cls(centre, scale, slopes, at)

    def probability(self, inputs: Inputs) -> FloatArray:
        """Return the raw chance of a yes in each row."""
        away = (inputs.features - self._centre) / self._scale
        logit = self._at + (away * self._slopes).sum(axis=1)
        return _inside(1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))))

    def content(self) -> bytes:
        """Return the line as JSON."""
        figures = {
            "centre": self._centre.tolist(),
            "scale": self._scale.tolist(),
            "slopes": self._slopes.tolist(),
            "at": self._at,
        }
        return json.dumps(figures, sort_keys=True).encode()


def _inside(probability: FloatArray) -> FloatArray:
    inside: FloatArray = np.clip(probability, PROBABILITY_EDGE, 1.0 - PROBABILITY_EDGE)
    return inside
