"""What a reading of the account says on the board."""

import pytest

from agents.orders.account import Account
from agents.requests import BrokerRead, ReadBroker
from blackboard.facts import AccountSnapshot, Timeframe
from models.market.sessions import HOUR_NS, MINUTE_NS
from tests.builders import T0_NS, a_snapshot, an_entry
from tests.execution_desk import PlainBroker


def deposits_after(known: AccountSnapshot, read: float, *, is_explained: bool) -> float:
    """Return what was paid in, as an agent tells it that starts from a snapshot, and reads."""
    account = Account(Timeframe.M15, MINUTE_NS, HOUR_NS)
    account.see(an_entry(known))
    reading = BrokerRead(
        request=ReadBroker(since_ns=0),
        read_ns=T0_NS + HOUR_NS,
        account=PlainBroker().account,
        deposits=read,
        positions=(),
        orders=(),
        deals=(),
        is_explained=is_explained,
    )
    draft = account.snapshot_draft(reading, has_news=False)
    assert draft is not None
    assert isinstance(draft.fact, AccountSnapshot)
    return draft.fact.deposits


@pytest.mark.parametrize(
    ("was_explained", "is_explained", "told"),
    [(True, True, 700.0), (True, False, 10_000.0), (False, True, 700.0), (False, False, 700.0)],
)
def test_f33_deals_that_are_missing_are_no_payments_taken_back(
    was_explained: bool, is_explained: bool, told: float
) -> None:
    """A terminal that was restarted over half a history must not lower the high-water mark.

    Where the deals never made the balance there is nothing else to go by.
    """
    known = a_snapshot(deposits=10_000.0, is_explained=was_explained)

    assert deposits_after(known, 700.0, is_explained=is_explained) == told
