"""A terminal shuts out an older instance before it has sent anything itself."""

from runtime.terminals.port import Refusal, TerminalRefused
from tests.contract.covers import covers
from tests.contract.terminals import Lab


@covers("order_send")
@covers("epoch_seen")
def test_f8_an_epoch_that_was_noted_shuts_older_ones_out(lab: Lab) -> None:
    """Whoever took over only has to say so: what its predecessor sends late does not leave."""
    assert lab.terminal.epoch_seen(2) == 2

    late = lab.send("late", epoch=1, action=1, symbol="EURUSD", volume=0.1, type=0, sl=1.0)

    assert isinstance(late, TerminalRefused)
    assert late.refusal is Refusal.STALE_EPOCH
    assert lab.terminal.positions_total() == 0


@covers("epoch_seen")
def test_f8_an_older_epoch_that_is_noted_changes_nothing(lab: Lab) -> None:
    """The highest counts, and asking without an epoch only asks."""
    lab.terminal.epoch_seen(3)

    assert lab.terminal.epoch_seen(1) == 3
    assert lab.terminal.epoch_seen() == 3
