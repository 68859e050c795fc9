"""From risk to lots: the sizing chain, and the size whose loss at the stop stays within it.

Source of the chain: Grossman, Zhou, "Optimal investment strategies for controlling drawdowns",
Mathematical Finance 3 (1993), for the drawdown factor; Kelly, "A new interpretation of information
rate" (1956), for the cap on confidence. Small compiled functions over scalars, shared by the
RiskAgent and the simulator. Inputs must be finite: the caller validates and names what is wrong.
"""

from numba import njit

KELLY_SHARE = 0.25
"""Share of the Kelly fraction that may be risked: a quarter keeps 44 % of the growth."""

HALF = 0.5
"""Factor of half risk."""

NEWS_MIN = 0.25
"""Least factor of the news: what is entered against them is small, and still an entry."""

_STEP_TOLERANCE = 1e-9


@njit(cache=True)
def drawdown_factor(drawdown_frac: float, drawdown_sizing_frac: float) -> float:
    """Return max(0, 1 − drawdown / drawdown_sizing): less is risked the deeper the drawdown."""
    return max(0.0, 1.0 - drawdown_frac / drawdown_sizing_frac)


@njit(cache=True)
def target_probability(expected_value_r: float, reward_risk: float) -> float:
    """Return the chance of target before stop that an expected value implies.

    Parameters
    ----------
    expected_value_r : float
        Expected profit in units of the risk at the stop, after costs, so the chance is net of them.
    reward_risk : float
        Distance of the target over the distance of the stop, > 0.

    Returns
    -------
    float
        p of EV = p·R − (1 − p); within 0..1 for an expected value in [−1, R].
    """
    return (1.0 + expected_value_r) / (1.0 + reward_risk)


@njit(cache=True)
def kelly_frac(probability: float, reward_risk: float) -> float:
    """Return p − (1 − p) / R, the share of equity that grows fastest; 0 or less means no trade."""
    return probability - (1.0 - probability) / reward_risk


@njit(cache=True)
def confidence_factor(base_frac: float, kelly: float) -> float:
    """Return the factor that caps risk at a quarter of the Kelly fraction, in 0..1.

    Parameters
    ----------
    base_frac : float
        Share of equity at the stop before the chain, > 0.
    kelly : float
        Kelly fraction in units of the risk at the stop.
    """
    return min(1.0, max(0.0, KELLY_SHARE * kelly / base_frac))


@njit(cache=True)
def news_factor(is_blind: bool, against: float, event_hours: float, horizon_hours: float) -> float:
    """Return the factor of the news, in [`NEWS_MIN`, 1].

    Three things make an entry smaller, each by half at most: a calendar that is not configured,
    texts against its side, and an event that comes soon. Texts for its side add nothing.

    Parameters
    ----------
    is_blind : bool
        Whether no calendar is configured.
    against : float
        Score of the texts against the side, base less quote, in −2..2; from 1 on it counts whole.
    event_hours : float
        Time to the beginning of the next blackout of high impact, infinite without one.
    horizon_hours : float
        Time from which on that counts; 0 is off.
    """
    blind = HALF if is_blind else 1.0
    texts = 1.0 - (1.0 - HALF) * min(1.0, max(0.0, against))
    near = 1.0
    if event_hours < horizon_hours:
        near = HALF + (1.0 - HALF) * max(0.0, event_hours) / horizon_hours
    return max(NEWS_MIN, blind * texts * near)


@njit(cache=True)
def risk_budget_frac(
    base_frac: float,
    drawdown: float,
    portfolio: float,
    confidence: float,
    news: float,
    state: float,
    frac_min: float,
    frac_max: float,
) -> float:
    """Return the share of equity that an entry may lose at its stop.

    The chain is clipped first and lessened afterwards: half risk must be felt at the lower bound
    too, so the absolute floor is ``frac_min / 4``. Of news and state the stricter counts.

    Parameters
    ----------
    base_frac : float
        Share before the chain, > 0.
    drawdown, portfolio, confidence : float
        Factors of the chain, each >= 0.
    news : float
        From `news_factor`.
    state : float
        1, or `HALF` for SAFE or probation.
    frac_min, frac_max : float
        Bounds of the chain, 0 < frac_min <= frac_max.

    Returns
    -------
    float
        In [frac_min / 4, frac_max].
    """
    chain = base_frac * drawdown * portfolio * confidence
    return min(max(chain, frac_min), frac_max) * min(news, state)


@njit(cache=True)
def shared_budget_frac(entry_frac: float, risk_frac: float) -> float:
    """Return what is left of the budget of an open bet for a second one that is the same bet.

    Parameters
    ----------
    entry_frac : float
        Share of equity that the open one risked at its entry.
    risk_frac : float
        Share that it still risks at its stop, >= 0; less once the stop has been drawn up.
    """
    return max(0.0, entry_frac - risk_frac)


@njit(cache=True)
def loss_per_lot(
    stop_distance: float, spread: float, contract_size: float, account_per_quote: float, fee: float
) -> float:
    """Return what one lot loses at its stop, costs included, in account currency.

    Parameters
    ----------
    stop_distance : float
        From fill to stop, in quote currency, > 0.
    spread : float
        Ask less bid, in quote currency: paid once between entry and exit, >= 0.
    contract_size : float
        Units of the base currency in one lot, > 0.
    account_per_quote : float
        Value of one unit of the quote currency in account currency, > 0.
    fee : float
        Commission of one lot and side in account currency; charged at entry and exit, >= 0.

    Returns
    -------
    float
        ``(stop_distance + spread) × contract_size × account_per_quote + 2 × fee``.
    """
    return (stop_distance + spread) * contract_size * account_per_quote + 2.0 * fee


@njit(cache=True)
def _lots_of_steps(steps: float, step_lots: float) -> float:
    # 3 × 0.1 is above 0.3, but 3 / 10 is 0.3: where the step is one part of a whole, dividing
    # gives the float nearest to the decimal number that the broker means.
    parts = round(1.0 / step_lots)
    if parts >= 1.0 and abs(parts * step_lots - 1.0) < _STEP_TOLERANCE:
        return float(steps / parts)
    return float(steps * step_lots)


@njit(cache=True)
def floor_to_step(lots: float, step_lots: float) -> float:
    """Return the largest whole number of steps that is not above `lots`, as lots.

    Exact at the edges: ``0.29 // 0.01`` is 28 in floats, and 28 steps would be one too few.

    Parameters
    ----------
    lots : float
        Size to floor; 0 or less gives 0.
    step_lots : float
        The broker's volume step, > 0.

    Examples
    --------
    >>> floor_to_step(0.29, 0.01)
    0.29
    >>> floor_to_step(0.2999, 0.1)
    0.2
    """
    if lots <= 0.0:
        return 0.0
    steps = float(int(lots / step_lots))
    if _lots_of_steps(steps + 1.0, step_lots) <= lots:
        steps += 1.0
    while steps > 0.0 and _lots_of_steps(steps, step_lots) > lots:
        steps -= 1.0
    return _lots_of_steps(steps, step_lots)


@njit(cache=True)
def lots_at_risk(
    equity: float,
    risk_frac: float,
    loss_per_lot: float,
    volume_step_lots: float,
    volume_min_lots: float,
    volume_max_lots: float,
) -> float:
    """Return the largest size whose loss at the stop, costs included, is within the budget.

    Never rounds up: below the smallest volume the answer is 0, which means to skip the trade.
    Reads no bar.

    Parameters
    ----------
    equity : float
        Account equity in account currency; 0 or less gives no size.
    risk_frac : float
        Share of equity to lose at the stop, from `risk_budget_frac`.
    loss_per_lot : float
        What one lot loses at the stop, from `loss_per_lot`, > 0.
    volume_step_lots, volume_min_lots, volume_max_lots : float
        The broker's volumes, all > 0; the largest caps the size.

    Returns
    -------
    float
        Lots on the broker's grid, or 0; ``lots × loss_per_lot <= equity × risk_frac``.
    """
    affordable = min(equity * risk_frac / loss_per_lot, volume_max_lots)
    lots = floor_to_step(affordable, volume_step_lots)
    return lots if lots >= volume_min_lots else 0.0
