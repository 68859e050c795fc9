"""Trains the volatility network on all symbols together, and judges it by days it never saw."""

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.learning.candidate import Candidate, Trial, Untrained
from models.market.bars import BarArray
from models.market.seasonality import week_positions
from models.market.sessions import DAY_NS
from models.opinion.conformal import error_table
from models.opinion.har import (
    HarTerms,
    Judged,
    fit_rows,
    forecast_rows,
    hash_of_bars,
    joined,
    judge,
    split_row,
)
from models.opinion.network_training import EPOCHS, Lesson, train_network
from models.opinion.recurrent import Network
from models.opinion.variance import forward_sums, parkinson_variance
from models.opinion.volatility import (
    HAR_WINDOWS_BARS,
    RATIO_DAYS_MAX,
    HarFit,
    Unfitted,
    VolatilityModel,
    content_hash,
    har_log_ratio,
    har_terms,
)
from models.opinion.volatility_lstm import (
    FAMILY,
    FEATURES,
    FIRST_ROW,
    Scale,
    VolatilityLSTM,
    files_of,
    load_lstm,
    log_returns,
    lstm_forecasts,
    mean_correction,
    network_inputs,
    scale_of,
    version_of,
)

FloatArray = NDArray[np.float64]

SEEDS: Final = (0, 1, 2)
"""Networks whose corrections are averaged: one alone may lose by its seed."""
STOP_SHARE: Final = 0.15
"""Share of the training rows that choose the epoch, the latest ones."""


def train_lstm(
    bars: Mapping[str, BarArray],
    length_ns: int,
    terms: HarTerms,
    champion: Mapping[str, bytes],
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    device: str = "cpu",
    checkpoints: MutableMapping[str, bytes] | None = None,
) -> Candidate | Untrained:
    """Train on all but the last 20 trading days of every symbol, and forecast these with that.

    Season, HAR and networks are fitted on the first 85 % of the training rows, the rest, purged,
    chooses the epoch. The yardstick is the HAR of all training rows.

    Parameters
    ----------
    bars : mapping of str to BarArray
        Closed bars of each symbol, oldest first.
    length_ns : int
        Length of a bar.
    terms : HarTerms
        How season and HAR are fitted.
    champion : mapping of str to bytes
        Files of the model that serves now; empty where none does.
    seed : int
        Added to the seeds of the networks.
    epochs, device, checkpoints
        See `train_network`.
    """
    served = load_lstm(champion) if champion else None
    purge = max(terms.horizons_bars)
    pupils: dict[str, _Pupil] = {}
    for symbol in sorted(bars):
        split = split_row(bars[symbol]["close_ns"], purge)
        pupil = _pupil(bars[symbol], split, length_ns, terms)
        if isinstance(pupil, Untrained):
            return replace(pupil, reason=f"{symbol}: {pupil.reason}")
        pupils[symbol] = pupil
    if not pupils:
        return Untrained("no symbols", 0, 1)
    networks = tuple(
        tuple(
            train_network(
                [pupil.lesson(place, purge) for pupil in pupils.values()],
                seed + each,
                epochs=epochs,
                device=device,
                checkpoints=checkpoints,
                name=f"lstm_{horizon}_{each}.safetensors",
            )
            for each in SEEDS
        )
        for place, horizon in enumerate(terms.horizons_bars)
    )
    lstm = _corrected(pupils, networks, terms)
    return _candidate(bars, lstm, pupils, terms, served, seed, epochs)


@dataclass(frozen=True, slots=True)
class _Pupil:
    # One symbol on its way through the training.

    rows: BarArray
    split: int
    """Rows from here on training never sees."""
    stop: int
    """Rows from here on choose the epoch."""
    model: VolatilityModel
    terms: FloatArray
    inputs: FloatArray
    scale: Scale
    variance: FloatArray

    def errors(self, place: int) -> FloatArray:
        """Return ln(outcome / HAR's forecast) of a horizon, NaN where there is no outcome."""
        fit = self.model.fits[place]
        factors = self.model.seasonality.at(self.rows["close_ns"])
        ahead = forward_sums(factors, fit.horizon_bars)
        log_har = har_log_ratio(fit, self.terms) + np.log(fit.smear)
        errors: FloatArray = np.log(forward_sums(self.variance, fit.horizon_bars) / ahead) - log_har
        return errors

    def lesson(self, place: int, purge: int) -> Lesson:
        return Lesson(
            inputs=self.inputs[: self.split],
            error=self.errors(place)[: self.split],
            fit_rows=np.arange(FIRST_ROW, self.stop - purge),
            stop_rows=np.arange(self.stop, self.split - purge),
        )


def _pupil(rows: BarArray, split: int, length_ns: int, terms: HarTerms) -> "_Pupil | Untrained":
    stop = int(split * (1.0 - STOP_SHARE))
    need = FIRST_ROW + max(terms.horizons_bars) + terms.rows_min
    if stop < need:
        return Untrained("too few bars", stop, need)
    model = fit_rows(rows[:stop], length_ns, terms)
    if isinstance(model, Unfitted):
        return Untrained(model.reason, model.have, model.need)
    close_ns = np.ascontiguousarray(rows["close_ns"])
    variance = np.maximum(parkinson_variance(rows["high"], rows["low"]), model.variance_floor)
    har = har_terms(variance / model.seasonality.at(close_ns))
    scale = scale_of(har[HAR_WINDOWS_BARS[-1] : stop])
    deviations = log_returns(rows["open"], rows["close"]) / np.sqrt(variance)
    positions = week_positions(close_ns, length_ns)
    inputs = network_inputs(har, scale, deviations, positions, length_ns)
    return _Pupil(rows, split, stop, model, har, inputs, scale, variance)


def _corrected(
    pupils: Mapping[str, _Pupil], networks: tuple[tuple[Network, ...], ...], terms: HarTerms
) -> VolatilityLSTM:
    models = {}
    for symbol_place, (symbol, pupil) in enumerate(pupils.items()):
        fits = tuple(
            _corrected_fit(pupil, place, nets, symbol_place, terms.veto_quantile)
            for place, nets in enumerate(networks)
        )
        season, floor = pupil.model.seasonality, pupil.model.variance_floor
        version = f"{FAMILY}/{content_hash(season, floor, fits)}"
        models[symbol] = replace(pupil.model, fits=fits, version=version)
    scales = {symbol: pupil.scale for symbol, pupil in pupils.items()}
    files = files_of(models, scales, networks)
    return VolatilityLSTM(models, scales, networks, version_of(files))


def _corrected_fit(
    pupil: _Pupil, place: int, networks: tuple[Network, ...], symbol: int, veto_quantile: float
) -> HarFit:
    # Level, errors and limit from all training rows, those that chose the epoch among them.
    fit = pupil.model.fits[place]
    known = range(FIRST_ROW, pupil.split)
    correction = mean_correction(networks, pupil.inputs, symbol, known)
    log_ratio = har_log_ratio(fit, pupil.terms[FIRST_ROW : pupil.split]) + correction
    settled = slice(FIRST_ROW, pupil.split - fit.horizon_bars)
    residual = pupil.errors(place)[settled] - correction[: settled.stop - FIRST_ROW]
    residual += np.log(fit.smear)
    smear = float(np.mean(np.exp(residual)))
    trailing = log_ratio[-RATIO_DAYS_MAX * (DAY_NS // pupil.model.seasonality.length_ns) :]
    limit = float(np.quantile(np.exp(trailing) * (smear / fit.level), veto_quantile))
    return replace(
        fit, smear=smear, errors=error_table(residual - np.log(smear)), ratio_limit=limit
    )


def _candidate(
    bars: Mapping[str, BarArray],
    lstm: VolatilityLSTM,
    pupils: Mapping[str, _Pupil],
    terms: HarTerms,
    served: VolatilityLSTM | None,
    seed: int,
    epochs: int,
) -> Candidate:
    judged = [_judge(symbol, pupil, lstm, served, terms) for symbol, pupil in pupils.items()]
    evidence = joined(judged)
    score = -float(np.mean(evidence.loss)) if len(evidence.loss) else 0.0
    parameters = {"epochs": epochs, "seeds": [seed + each for each in SEEDS]}
    return Candidate(
        family=FAMILY,
        files=files_of(lstm.models, lstm.scales, lstm.networks),
        feature_schema=FEATURES,
        rows=sum(pupil.split for pupil in pupils.values()),
        trained_until_ns=max(each.trained_until_ns for each in judged),
        data_hash=hash_of_bars(bars),
        evidence=evidence,
        trials=(Trial(parameters=json.dumps(parameters, sort_keys=True), score=score),),
    )


def _judge(
    symbol: str,
    pupil: _Pupil,
    lstm: VolatilityLSTM,
    served: VolatilityLSTM | None,
    terms: HarTerms,
) -> Judged:
    horizon = min(terms.horizons_bars)
    from_row = pupil.split
    own = lstm_forecasts(lstm, symbol, pupil.rows, horizon, from_row)
    length_ns = pupil.model.seasonality.length_ns
    har = fit_rows(pupil.rows[: pupil.split], length_ns, terms)
    assert isinstance(har, VolatilityModel), "more rows than the fit of 85 % of them had"
    baseline = forecast_rows(har, pupil.rows, horizon)
    incumbent = baseline
    if served is not None and symbol in served.models:
        incumbent = lstm_forecasts(served, symbol, pupil.rows, horizon, from_row)
    forecasts = (own, baseline, incumbent)
    return judge(pupil.rows, pupil.split, pupil.variance, horizon, forecasts)
