"""Nothing of the contract is ever run on an account that could hold money."""

import pytest

from runtime.terminals import constants as mt5
from tests.contract.demo_account import NoDemoAccount, require_demo
from tests.contract.terminals import Lab


@pytest.mark.parametrize("mode", [mt5.ACCOUNT_TRADE_MODE_CONTEST, mt5.ACCOUNT_TRADE_MODE_REAL, 3])
def test_f22_an_account_that_is_no_demo_account_is_refused(lab: Lab, mode: int) -> None:
    """By its own word, or for want of one, before the first request."""
    demo = lab.account()

    assert require_demo(demo) is demo
    with pytest.raises(NoDemoAccount, match="trade_mode"):
        require_demo(demo._replace(trade_mode=mode))
    with pytest.raises(NoDemoAccount, match="read"):
        require_demo(None)
