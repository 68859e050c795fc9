"""Records of runs with figures that a test chooses."""

from typing import Any

from blackboard.facts.decision import Side
from runtime.instants import instant_ns
from runtime.reports.record import ClosedTrade, EquityPoint, RunIdentity, RunRecord

TUESDAY_NS = instant_ns("2018-02-06T10:00:00Z")
HOUR_NS = 3_600_000_000_000


def a_closed_trade(**changes: Any) -> ClosedTrade:
    """Return an hour long in EURUSD that risked 50 and lost 20."""
    fields: dict[str, Any] = {
        "ticket": 1,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "lots": 0.1,
        "opened_ns": TUESDAY_NS,
        "closed_ns": TUESDAY_NS + HOUR_NS,
        "open_price": 1.1,
        "close_price": 1.098,
        "stop_price": 1.095,
        "target_price": 1.115,
        "profit": -20.0,
        "swap": 0.0,
        "commission": 0.0,
        "pnl": -20.0,
        "spread_cost": 1.0,
        "risk": 50.0,
        "r_multiple": -0.4,
        "mae_r": 0.5,
        "mfe_r": 0.1,
        "confidence": 0.55,
        "expected_value_r": 0.1,
        "voter": "technical.trend",
        "component": "supertrend H1",
        "exit_reason": "reversal",
    }
    return ClosedTrade(**{**fields, **changes})


def a_record(*trades: ClosedTrade, **changes: Any) -> RunRecord:
    """Return a day of an account of 10,000 with some trades."""
    identity = RunIdentity(
        run="1",
        marker="SIMULATED",
        host="nine agents",
        market="synthetic",
        seed="1",
        data_sha256="",
        symbols=("EURUSD", "USDJPY"),
        timeframe="M15",
        start_ns=TUESDAY_NS - 10 * HOUR_NS,
        end_ns=TUESDAY_NS + 10 * HOUR_NS,
        version="0",
        code_hash="c" * 64,
        settings_hash="s" * 64,
        decisions_hash="d" * 64,
        currency="USD",
        deposit=10_000.0,
        leverage=30.0,
        commission_per_lot=3.5,
        spread_factor=1.0,
    )
    fields: dict[str, Any] = {
        "identity": identity,
        "changed": (),
        "trades": trades,
        "equity": (EquityPoint(identity.start_ns, 10_000.0, 10_000.0, 10_000.0),),
        "rounds": 1,
        "decisions": 1,
        "blocked_by": {},
        "intents": len(trades),
        "approved": len(trades),
        "refusals": {},
        "open_positions": 0,
        "open_since_ns": (),
        "heat_frac_max": 0.0,
        "states": (),
        "breaches": (),
        "accounting_gap": 0.0,
    }
    return RunRecord(**{**fields, **changes})
