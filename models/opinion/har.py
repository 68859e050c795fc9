"""The log-HAR as a family of models: trained on a long history, kept as JSON, judged out of sample.

The forecaster fits the same regression anew on some weeks at the start of each week. A trained one
stands on all history there is and serves until a better one comes. Its yardstick is the moving
average of deseasonalised variance, which is what a desk without a model would use.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.learning.candidate import Candidate, ForecastEvidence, Trial, Untrained
from models.market.bars import BarArray
from models.market.seasonality import Seasonality
from models.market.sessions import DAY_NS
from models.opinion.volatility import (
    HAR_WINDOWS_BARS,
    HarFit,
    Unfitted,
    VolatilityFilter,
    VolatilityModel,
    ewma,
    fit_volatility,
    forward_sums,
    parkinson_variance,
    qlike,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FAMILY: Final = "har"
FILE: Final = "har.json"
FEATURES: Final = tuple(f"ln_mean_x_{bars}" for bars in HAR_WINDOWS_BARS)
JUDGED_DAYS: Final = 20
"""Trading days at the end of the history that training never sees."""
WEEK_SHARE: Final = 5.0 / 7.0
"""Trading days in a calendar day."""


@dataclass(frozen=True, slots=True)
class HarTerms:
    """How a forecast is fitted."""

    horizons_bars: tuple[int, ...]
    coverage: float
    """Share of outcomes that the band should hold, in (0, 1)."""
    veto_quantile: float
    rows_min: int
    """Rows beyond the longest window that a symbol's regression needs."""


def train_har(
    bars: Mapping[str, BarArray],
    length_ns: int,
    terms: HarTerms,
    champion: Mapping[str, bytes],
) -> Candidate | Untrained:
    """Fit every symbol on all but its last 20 trading days, and forecast these with that.

    Parameters
    ----------
    bars : mapping of str to BarArray
        Closed bars of each symbol, oldest first.
    length_ns : int
        Length of a bar.
    terms : HarTerms
        How it is fitted.
    champion : mapping of str to bytes
        Files of the model that serves now; empty where none does.

    Returns
    -------
    Candidate or Untrained
        The evidence holds the shortest horizon, one row a close; the forecast of row t uses
        bars ≤ t.
    """
    served = load_har(champion) if champion else {}
    models: dict[str, VolatilityModel] = {}
    judged: list[_Judged] = []
    for symbol in sorted(bars):
        rows = bars[symbol]
        split = _split_row(rows["close_ns"], max(terms.horizons_bars))
        fitted = _fit(rows[:split], length_ns, terms)
        if isinstance(fitted, Unfitted):
            return Untrained(f"{symbol}: {fitted.reason}", fitted.have, fitted.need)
        models[symbol] = fitted
        judged.append(_judge(rows, split, fitted, served.get(symbol), min(terms.horizons_bars)))
    if not models:
        return Untrained("no symbols", 0, 1)
    evidence = _joined(judged)
    until_ns = max(each.trained_until_ns for each in judged)
    score = -float(np.mean(evidence.loss)) if len(evidence.loss) else 0.0
    parameters = json.dumps({"windows_bars": HAR_WINDOWS_BARS}, sort_keys=True)
    return Candidate(
        family=FAMILY,
        files={FILE: _encoded(models)},
        feature_schema=FEATURES,
        rows=sum(each.train_rows for each in judged),
        trained_until_ns=until_ns,
        data_hash=hash_of_bars(bars),
        evidence=evidence,
        trials=(Trial(parameters=parameters, score=score),),
    )


def load_har(files: Mapping[str, bytes]) -> dict[str, VolatilityModel]:
    """Return the model of each symbol; ValueError if the file is not one of this family.

    Every number is finite: a model that is not is refused here and never asked.
    """
    try:
        read = json.loads(files[FILE])
        models = {symbol: _model_of(values) for symbol, values in read.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{FILE} is no volatility model: {error!r}") from error
    if not models:
        raise ValueError(f"{FILE} must hold at least one symbol")
    return models


def hash_of_bars(bars: Mapping[str, BarArray]) -> str:
    """Return SHA-256 over the bars of all symbols, 64 hex digits."""
    digest = hashlib.sha256()
    for symbol in sorted(bars):
        digest.update(symbol.encode() + b"\0" + np.ascontiguousarray(bars[symbol]).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Judged:
    close_ns: IntArray
    settled_ns: IntArray
    loss: FloatArray
    baseline_loss: FloatArray
    champion_loss: FloatArray
    train_rows: int
    trained_until_ns: int


def _split_row(close_ns: IntArray, horizon_bars: int) -> int:
    if not len(close_ns):
        return 0
    judged_ns = int(JUDGED_DAYS / WEEK_SHARE) * DAY_NS
    first_judged = int(np.searchsorted(close_ns, int(close_ns[-1]) - judged_ns))
    return max(first_judged - horizon_bars, 0)


def _fit(rows: BarArray, length_ns: int, terms: HarTerms) -> VolatilityModel | Unfitted:
    return fit_volatility(
        np.ascontiguousarray(rows["close_ns"]),
        parkinson_variance(rows["high"], rows["low"]),
        length_ns,
        terms.horizons_bars,
        coverage=terms.coverage,
        veto_quantile=terms.veto_quantile,
        rows_min=terms.rows_min,
    )


def _judge(
    rows: BarArray,
    split: int,
    model: VolatilityModel,
    served: VolatilityModel | None,
    horizon_bars: int,
) -> _Judged:
    close_ns = np.ascontiguousarray(rows["close_ns"])
    variance = parkinson_variance(rows["high"], rows["low"])
    floored = np.maximum(variance, model.variance_floor)
    realised = forward_sums(floored, horizon_bars)
    kept = slice(split + horizon_bars, len(rows) - horizon_bars)
    own = _forecast(model, close_ns, variance, horizon_bars)
    factors = model.seasonality.at(close_ns)
    moving = ewma(floored / factors) * forward_sums(factors, horizon_bars)
    fitted = slice(HAR_WINDOWS_BARS[-1], split - horizon_bars)
    moving *= np.mean(realised[fitted]) / np.mean(moving[fitted])
    baseline = qlike(realised[kept], moving[kept])
    champion = baseline
    if served is not None:
        champion = qlike(realised[kept], _forecast(served, close_ns, variance, horizon_bars)[kept])
    return _Judged(
        close_ns=close_ns[kept],
        settled_ns=close_ns[horizon_bars:][kept],
        loss=qlike(realised[kept], own[kept]),
        baseline_loss=baseline,
        champion_loss=champion,
        train_rows=split,
        trained_until_ns=int(close_ns[split - 1]),
    )


def _forecast(
    model: VolatilityModel, close_ns: IntArray, variance: FloatArray, horizon_bars: int
) -> FloatArray:
    filtered = VolatilityFilter(model)
    filtered.extend(close_ns, variance)
    fit = next(fit for fit in model.fits if fit.horizon_bars == horizon_bars)
    sigma = filtered.columns(fit, len(close_ns)).sigma_frac
    forecast: FloatArray = sigma * sigma
    return forecast


def _joined(judged: list[_Judged]) -> ForecastEvidence:
    return ForecastEvidence(
        close_ns=np.concatenate([each.close_ns for each in judged]),
        settled_ns=np.concatenate([each.settled_ns for each in judged]),
        loss=np.concatenate([each.loss for each in judged]),
        baseline_loss=np.concatenate([each.baseline_loss for each in judged]),
        champion_loss=np.concatenate([each.champion_loss for each in judged]),
    )


def _encoded(models: Mapping[str, VolatilityModel]) -> bytes:
    return json.dumps(
        {symbol: _values_of(model) for symbol, model in models.items()},
        sort_keys=True,
        allow_nan=False,
    ).encode()


def _values_of(model: VolatilityModel) -> dict[str, Any]:
    return {
        "length_ns": model.seasonality.length_ns,
        "factors": model.seasonality.factors.tolist(),
        "variance_floor": model.variance_floor,
        "version": model.version,
        "fits": [
            {
                "horizon_bars": fit.horizon_bars,
                "intercept": fit.intercept,
                "slopes": list(fit.slopes),
                "smear": fit.smear,
                "level": fit.level,
                "band_low": fit.band_low,
                "band_high": fit.band_high,
                "ratio_limit": fit.ratio_limit,
            }
            for fit in model.fits
        ],
    }


def _model_of(values: Mapping[str, Any]) -> VolatilityModel:
    factors = np.array(values["factors"], dtype=np.float64)
    seasonality = Seasonality(length_ns=int(values["length_ns"]), factors=factors)
    fits = tuple(
        HarFit(
            **{name: float(fit[name]) for name in _SCALARS},
            horizon_bars=int(fit["horizon_bars"]),
            slopes=tuple(map(float, fit["slopes"])),
            ahead=seasonality.ahead(int(fit["horizon_bars"])),
        )
        for fit in values["fits"]
    )
    numbers = [float(values["variance_floor"]), *factors]
    numbers += [getattr(fit, name) for fit in fits for name in _SCALARS]
    numbers += [slope for fit in fits for slope in fit.slopes]
    if not fits or not np.isfinite(numbers).all():
        raise ValueError(f"{FILE} must hold finite numbers for at least one horizon")
    return VolatilityModel(
        seasonality, float(values["variance_floor"]), fits, str(values["version"])
    )


_SCALARS: Final = ("intercept", "smear", "level", "band_low", "band_high", "ratio_limit")
