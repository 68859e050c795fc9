"""The log-HAR as a family of models: trained on a long history, kept as JSON, judged out of sample.

The forecaster fits the same regression anew on some weeks at the start of each week. A trained one
stands on all history there is and serves until a better one comes. Its yardstick is the moving
average of deseasonalised variance, which is what a desk without a model would use.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.learning.candidate import Candidate, ForecastEvidence, Trial, Untrained
from models.learning.drift import reference_from
from models.market.bars import BarArray
from models.market.seasonality import Seasonality
from models.market.sessions import DAY_NS
from models.opinion.conformal import TABLE_SIZE
from models.opinion.recital import recited
from models.opinion.term_drift import term_references
from models.opinion.variance import forward_sums, parkinson_variance, qlike
from models.opinion.volatility import (
    HAR_WINDOWS_BARS,
    HarFit,
    Unfitted,
    VolatilityModel,
    fit_volatility,
)
from models.opinion.volatility_baselines import ewma, levelled
from models.opinion.volatility_filter import VolatilityFilter

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
    judged: list[Judged] = []
    for symbol in sorted(bars):
        rows = bars[symbol]
        split = split_row(rows["close_ns"], max(terms.horizons_bars))
        fitted = fit_rows(rows[:split], length_ns, terms)
        if isinstance(fitted, Unfitted):
            return Untrained(f"{symbol}: {fitted.reason}", fitted.have, fitted.need)
        models[symbol] = fitted
        judged.append(_judge(rows, split, fitted, served.get(symbol), min(terms.horizons_bars)))
    if not models:
        return Untrained("no symbols", 0, 1)
    evidence = joined(judged)
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
        models = {symbol: model_of(values) for symbol, values in read.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{FILE} is no volatility model: {error!r}") from error
    if not models:
        raise ValueError(f"{FILE} must hold at least one symbol")
    return models


def recite_har(
    files: Mapping[str, bytes], bars: Mapping[str, BarArray], horizon_bars: int
) -> FloatArray:
    """Return what a stored model says to a golden batch of two weeks; see `recited`."""
    filters = {symbol: VolatilityFilter(model) for symbol, model in sorted(load_har(files).items())}
    return recited(filters, bars, horizon_bars, HAR_WINDOWS_BARS[-1], HAR_WINDOWS_BARS[-1])


def hash_of_bars(bars: Mapping[str, BarArray]) -> str:
    """Return SHA-256 over the bars of all symbols, 64 hex digits."""
    digest = hashlib.sha256()
    for symbol in sorted(bars):
        digest.update(symbol.encode() + b"\0" + np.ascontiguousarray(bars[symbol]).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Judged:
    """One symbol's part of the evidence."""

    close_ns: IntArray
    settled_ns: IntArray
    loss: FloatArray
    baseline_loss: FloatArray
    champion_loss: FloatArray
    train_rows: int
    trained_until_ns: int


def split_row(close_ns: IntArray, purge_bars: int) -> int:
    """Return how many rows training may see: all before the judged days, less the purge."""
    if not len(close_ns):
        return 0
    judged_ns = int(JUDGED_DAYS / WEEK_SHARE) * DAY_NS
    first_judged = int(np.searchsorted(close_ns, int(close_ns[-1]) - judged_ns))
    return max(first_judged - purge_bars, 0)


def fit_rows(rows: BarArray, length_ns: int, terms: HarTerms) -> VolatilityModel | Unfitted:
    """Fit season and regressions on every one of the rows, and note what the terms look like."""
    close_ns = np.ascontiguousarray(rows["close_ns"])
    variance = parkinson_variance(rows["high"], rows["low"])
    fitted = fit_volatility(
        close_ns,
        variance,
        length_ns,
        terms.horizons_bars,
        coverage=terms.coverage,
        veto_quantile=terms.veto_quantile,
        rows_min=terms.rows_min,
    )
    if isinstance(fitted, Unfitted):
        return fitted
    return replace(fitted, references=term_references(fitted, close_ns, variance))


def judge(
    rows: BarArray,
    split: int,
    variance: FloatArray,
    horizon_bars: int,
    forecasts: tuple[FloatArray, FloatArray, FloatArray],
) -> Judged:
    """Hold forecasts against the outcomes of the rows that training never saw.

    Parameters
    ----------
    rows : BarArray
        All bars of the symbol.
    split : int
        Rows that training saw; the purge follows them.
    variance : ndarray of shape (n_rows,), float64
        Of each bar, > 0: what is forecast.
    horizon_bars : int
        Bars ahead.
    forecasts : three ndarrays of shape (n_rows,), float64
        Variance over the horizon as candidate, baseline and incumbent forecast it.
    """
    close_ns = np.ascontiguousarray(rows["close_ns"])
    realised = forward_sums(variance, horizon_bars)
    kept = slice(split + horizon_bars, len(rows) - horizon_bars)
    loss, baseline, incumbent = (qlike(realised[kept], each[kept]) for each in forecasts)
    return Judged(
        close_ns=close_ns[kept],
        settled_ns=close_ns[horizon_bars:][kept],
        loss=loss,
        baseline_loss=baseline,
        champion_loss=incumbent,
        train_rows=split,
        trained_until_ns=int(close_ns[split - 1]),
    )


def forecast_rows(model: VolatilityModel, rows: BarArray, horizon_bars: int) -> FloatArray:
    """Return the model's forecast variance over the horizon, shape (n_rows,); row t uses ≤ t."""
    filtered = VolatilityFilter(model)
    variance = parkinson_variance(rows["high"], rows["low"])
    filtered.extend(np.ascontiguousarray(rows["close_ns"]), variance)
    fit = next(fit for fit in model.fits if fit.horizon_bars == horizon_bars)
    sigma = filtered.columns(fit, len(rows)).sigma_frac
    forecast: FloatArray = sigma * sigma
    return forecast


def joined(judged: list[Judged]) -> ForecastEvidence:
    """Return the evidence of all symbols."""
    return ForecastEvidence(
        close_ns=np.concatenate([each.close_ns for each in judged]),
        settled_ns=np.concatenate([each.settled_ns for each in judged]),
        loss=np.concatenate([each.loss for each in judged]),
        baseline_loss=np.concatenate([each.baseline_loss for each in judged]),
        champion_loss=np.concatenate([each.champion_loss for each in judged]),
    )


def _judge(
    rows: BarArray,
    split: int,
    model: VolatilityModel,
    served: VolatilityModel | None,
    horizon_bars: int,
) -> Judged:
    variance = np.maximum(parkinson_variance(rows["high"], rows["low"]), model.variance_floor)
    factors = model.seasonality.at(np.ascontiguousarray(rows["close_ns"]))
    fitted = slice(HAR_WINDOWS_BARS[-1], split - horizon_bars)
    realised = forward_sums(variance, horizon_bars)
    moving = ewma(variance / factors) * forward_sums(factors, horizon_bars)
    baseline = levelled(moving, realised, fitted)
    own = forecast_rows(model, rows, horizon_bars)
    incumbent = baseline if served is None else forecast_rows(served, rows, horizon_bars)
    return judge(rows, split, variance, horizon_bars, (own, baseline, incumbent))


def _encoded(models: Mapping[str, VolatilityModel]) -> bytes:
    return json.dumps(
        {symbol: values_of(model) for symbol, model in models.items()},
        sort_keys=True,
        allow_nan=False,
    ).encode()


def values_of(model: VolatilityModel) -> dict[str, Any]:
    """Return a model as JSON can hold it; floats come back to the last bit."""
    return {
        "length_ns": model.seasonality.length_ns,
        "factors": model.seasonality.factors.tolist(),
        "variance_floor": model.variance_floor,
        "coverage": model.coverage,
        "version": model.version,
        "references": [each._asdict() for each in model.references],
        "fits": [
            {
                "horizon_bars": fit.horizon_bars,
                "intercept": fit.intercept,
                "slopes": list(fit.slopes),
                "smear": fit.smear,
                "level": fit.level,
                "errors": fit.errors.tolist(),
                "ratio_limit": fit.ratio_limit,
            }
            for fit in model.fits
        ],
    }


def model_of(values: Mapping[str, Any]) -> VolatilityModel:
    """Return the model of such values; ValueError if one is not finite or of the wrong shape."""
    factors = np.array(values["factors"], dtype=np.float64)
    seasonality = Seasonality(length_ns=int(values["length_ns"]), factors=factors)
    fits = tuple(
        HarFit(
            **{name: float(fit[name]) for name in _SCALARS},
            horizon_bars=int(fit["horizon_bars"]),
            slopes=tuple(map(float, fit["slopes"])),
            errors=np.array(fit["errors"], dtype=np.float64),
            ahead=seasonality.ahead(int(fit["horizon_bars"])),
        )
        for fit in values["fits"]
    )
    coverage = float(values["coverage"])
    numbers = [float(values["variance_floor"]), coverage, *factors]
    numbers += [getattr(fit, name) for fit in fits for name in _SCALARS]
    numbers += [number for fit in fits for number in (*fit.slopes, *fit.errors)]
    if not fits or not np.isfinite(numbers).all():
        raise ValueError(f"{FILE} must hold finite numbers for at least one horizon")
    if any(fit.errors.shape != (TABLE_SIZE,) for fit in fits):
        raise ValueError(f"a table of errors must hold {TABLE_SIZE} quantiles")
    references = tuple(reference_from(each) for each in values.get("references", ()))
    return VolatilityModel(
        seasonality,
        float(values["variance_floor"]),
        fits,
        coverage,
        str(values["version"]),
        references,
    )


_SCALARS: Final = ("intercept", "smear", "level", "ratio_limit")
