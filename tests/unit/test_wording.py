"""Whatever can stop, refuse or end something has words for people."""

from agents.limits.reasons import Reason
from models.decision.arbitration import GATES
from models.decision.exits import EXITS
from runtime.reports import wording
from runtime.reports.record import BY_THE_BROKER


def test_every_gate_has_words() -> None:
    """No histogram shows a name that only the code knows."""
    assert set(GATES) == set(wording.GATES)


def test_every_refusal_has_words() -> None:
    """Each rule of risk management is told."""
    assert {reason.value for reason in Reason} - set(wording.REFUSALS) == set()


def test_every_exit_has_words() -> None:
    """Each way in which a trade ends is told."""
    assert {*EXITS, *BY_THE_BROKER} - set(wording.EXITS) == set()


def test_what_has_no_words_is_shown_as_it_is() -> None:
    """A name from elsewhere is still readable."""
    assert wording.told(wording.EXITS, "some_new_reason") == "some new reason"
