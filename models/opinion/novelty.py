"""Whether a row looks like those that a model was trained on: Mahalanobis' distance.

A model asked about what it has never seen answers all the same. Rows farther from the training rows
than 99.5 % of these are answered with an abstention.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.market.bars import FloatArray

BoolArray = NDArray[np.bool_]
QUANTILE: Final = 0.995
"""Share of the training rows that are no news."""
SHRINKAGE: Final = 0.1
"""Pull of the correlations towards 0, so that features that nearly repeat each other invert."""


class Familiarity(NamedTuple):
    """What training rows looked like."""

    centre: FloatArray
    """Shape (n_features,)."""
    scale: FloatArray
    """Standard deviation of each feature, 1 where it was constant."""
    precision: FloatArray
    """Inverse of the shrunk correlation, shape (n_features, n_features)."""
    distance_max: float
    """Distance that `QUANTILE` of the training rows do not exceed."""

    def distances(self, features: FloatArray) -> FloatArray:
        """Return how far rows lie from the training rows, shape (n_rows,); NaN for NaN."""
        away = (features - self.centre) / self.scale
        distance: FloatArray = np.sqrt(
            np.maximum(((away @ self.precision) * away).sum(axis=1), 0.0)
        )
        return distance

    def is_novel(self, features: FloatArray) -> BoolArray:
        """Return for each row whether it is unlike the training rows; NaN is novel."""
        is_known = self.distances(features) <= self.distance_max
        return np.logical_not(is_known)

    def plain(self) -> dict[str, Any]:
        """Return the same as lists and numbers."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self._asdict().items()
        }


def familiarity_of(features: FloatArray) -> Familiarity:
    """Return what rows look like.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        Finite training rows, at least one.
    """
    centre = features.mean(axis=0)
    scale = features.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    away = (features - centre) / scale
    correlation = away.T @ away / len(away)
    shrunk = (1.0 - SHRINKAGE) * correlation + SHRINKAGE * np.eye(len(centre))
    known = Familiarity(centre, scale, np.linalg.inv(shrunk), np.inf)
    limit = float(np.quantile(known.distances(features), QUANTILE))
    return known._replace(distance_max=limit)


def familiarity_from(plain: Any) -> Familiarity:
    """Return what `Familiarity.plain` was made of; ValueError where it is no such thing.

    A figure that is missing, not finite or of another shape is refused.
    """
    try:
        found = Familiarity(
            np.array(plain["centre"], dtype=np.float64),
            np.array(plain["scale"], dtype=np.float64),
            np.array(plain["precision"], dtype=np.float64),
            float(plain["distance_max"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"familiarity: {error!r}") from error
    count = len(found.centre)
    is_shaped = found.scale.shape == (count,) and found.precision.shape == (count, count)
    if not is_shaped or not all(np.isfinite(each).all() for each in found) or not count:
        raise ValueError("familiarity must be finite figures of one length")
    if not (found.scale > 0.0).all():
        raise ValueError("familiarity's scale must be above 0")
    return found
