"""Which parameters hold at a close, and what they make of target and votes."""

import msgspec

from agents.known import Known
from agents.rounds.parameters import Parameters, confluence_of, rr_ratio_of
from agents.supervisor import SupervisorAgent
from blackboard.facts.control import TradingState
from blackboard.facts.opinion import Evidence
from config.settings import Settings
from models.market.sessions import DAY_NS
from runtime.board_port import past_wanted
from tests.builders import M15_NS, T0_NS, some_parameters
from tests.chamber import Chamber, a_vote


def test_learned_parameters_hold_from_their_time_on() -> None:
    """Before their time the settings hold, which stand for no entry."""
    parameters = Parameters(Settings())
    parameters.add(Known(some_parameters(effective_from_ns=T0_NS), 7, T0_NS))

    assert parameters.at(T0_NS - 1, TradingState.ACTIVE).seq == 0
    assert parameters.at(T0_NS, TradingState.ACTIVE).seq == 7


def test_a_restarted_supervisor_goes_on_with_old_parameters_until_new_ones_hold() -> None:
    """However long ago the ones in force were said; those of the settings may permit more."""
    chamber = Chamber()
    old = some_parameters(min_confidence=0.7, effective_from_ns=T0_NS)
    chamber.say("learner", old)
    chamber.at(T0_NS + 60 * DAY_NS)
    new_ns = chamber.now_ns + M15_NS
    chamber.say("learner", some_parameters(min_confidence=0.6, effective_from_ns=new_ns))
    chamber.settle()

    wanted = past_wanted(chamber.wanted, chamber.board.join("supervisor"))
    restarted = SupervisorAgent(chamber.settings)
    for item in chamber.board.read(0, wanted)[1]:
        restarted.see(item.entry)

    assert restarted._arbiter.parameters(new_ns - 1).fact == old


def test_safe_uses_nothing_learned() -> None:
    """In SAFE the settings hold, however long something was learned."""
    parameters = Parameters(Settings())
    parameters.add(Known(some_parameters(effective_from_ns=T0_NS), 7, T0_NS))

    found = parameters.at(T0_NS, TradingState.SAFE).fact

    assert found.origin == "settings"
    assert found.atr_multiplier == Settings().trading.atr_multiplier


def test_a_target_may_lie_further_than_the_ratio_asks() -> None:
    """The ratio is the greater of the two; a multiple of 0 leaves it to the ratio."""
    asked = some_parameters(min_rr_ratio=3.0, atr_multiplier=2.0, target_atr_multiplier=0.0)
    further = msgspec.structs.replace(asked, target_atr_multiplier=8.0)
    nearer = msgspec.structs.replace(asked, target_atr_multiplier=5.0)

    assert rr_ratio_of(asked) == 3.0
    assert rr_ratio_of(further) == 4.0  # 8 / 2
    assert rr_ratio_of(nearer) == 3.0  # 5 / 2 is less than asked for


def test_only_votes_made_of_readings_have_a_confluence() -> None:
    """A vote without readings is never too weak for `confluence_min`."""
    vote = a_vote("sentiment", 0.6)
    reading = Evidence(scope="M15", name="macd", value=0.5, weight=1.0)
    made = msgspec.structs.replace(vote, evidence=(reading,), confluence=0.25)

    assert confluence_of(vote) == 1.0
    assert confluence_of(made) == 0.25
