"""What a fact looks like in one line of its lineage."""

import msgspec

from blackboard.facts import RiskApproved
from blackboard.facts.decision import Side
from blackboard.facts.permission import RiskFactor
from runtime.proof.lineage import brief

APPROVED = RiskApproved(
    scope="EURUSD",
    intent_id="first",
    side=Side.SELL,
    lots=0.11,
    risk_frac=0.0034,
    risk_account=35.0,
    factors=(
        RiskFactor(scope="EURUSD", name="base", value=0.005),
        RiskFactor(scope="EURUSD", name="news", value=0.5),
    ),
)


def test_a_size_is_told_with_every_factor() -> None:
    """Who asks why a size is what it is reads the chain, figure by figure."""
    line = brief(APPROVED)

    assert line == (
        "intent_id=first, side=SELL, lots=0.11, risk_frac=0.0034, risk_account=35, "
        "factors=(base 0.005, news 0.5)"
    )


def test_a_chain_that_an_older_fact_does_not_have_is_left_out() -> None:
    """Nothing is told of an empty list."""
    assert "factors" not in brief(msgspec.structs.replace(APPROVED, factors=()))
