"""Which facts a power cut must not take: their block is synced before it is acknowledged.

What was sent cannot be sent again and a breaker that tripped stays tripped, whatever dies. The rest
(prices, opinions, readings) is safe against the death of a process and can be read again.
"""

from typing import Final

from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    EquityMark,
    ExitIntent,
    Fact,
    Fill,
    LimitBreached,
    Lock,
    OperatorCommand,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    RiskApproved,
    TradeClosed,
    TradingStateChanged,
    kind_of,
)

_SYNCED_FACTS: Final[tuple[type[Fact], ...]] = (
    OrderIntent,
    ExitIntent,
    AmendIntent,
    CancelIntent,
    RiskApproved,
    OrderSubmitting,
    OrderOutcome,
    Fill,
    PositionChanged,
    TradeClosed,
    EquityMark,
    LimitBreached,
    Lock,
    TradingStateChanged,
    OperatorCommand,
)

SYNCED_KINDS: Final = frozenset(map(kind_of, _SYNCED_FACTS))
"""Orders and what they did, marks, limits and states, and a person's word."""
