"""The vocabulary: strict, frozen, bounded, and decodable for as long as a journal lives."""

import math
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blackboard import facts
from blackboard.facts import AmendIntent, AnyFact, ExitIntent, Fact, Quote, VoterWeights
from blackboard.facts.decision import Side
from blackboard.facts.learning import VoterWeight
from models.learning.weighing import LOG_ODDS_MAX
from runtime.reference.glossary import MEANINGS
from tests.samples import SAMPLES

GOLDEN = Path(__file__).parents[1] / "contract" / "golden_facts.json"
KINDS = typing.get_args(AnyFact)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_fact_is_frozen_keyword_only_and_strict(kind: type[Fact]) -> None:
    """A fact cannot be changed, its fields cannot be mixed up, and unknown fields are refused."""
    config = kind.__struct_config__

    assert config.frozen
    assert config.forbid_unknown_fields
    assert config.tag == kind.__name__
    with pytest.raises(TypeError, match=r"positional|keyword"):
        kind("EURUSD")  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_fact_survives_the_journal_unchanged(kind: type[Fact]) -> None:
    """Encoding and decoding a sample of every kind gives the same fact."""
    sample = SAMPLES[kind.__name__]

    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(sample), type=AnyFact)

    assert decoded == sample


def test_every_fact_still_decodes_from_its_golden_sample() -> None:
    """What an earlier release has written is read today: fields are added, never changed."""
    golden = msgspec.json.decode(GOLDEN.read_bytes(), type=dict[str, msgspec.Raw])

    decoded = {name: msgspec.json.decode(raw, type=AnyFact) for name, raw in golden.items()}

    assert decoded == {kind.__name__: SAMPLES[kind.__name__] for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_fact_says_from_when_on_it_holds(kind: type[Fact]) -> None:
    """One with a close to hold from holds from there, any other at once."""
    sample = SAMPLES[kind.__name__]

    assert sample.holds_from_ns == getattr(sample, "effective_from_ns", 0)


def test_all_names_are_exported() -> None:
    """The package exports what it defines, so no fact hides in a module."""
    assert {kind.__name__ for kind in KINDS} <= set(facts.__all__)


@pytest.mark.parametrize("bid", [0.0, -1.0, math.nan, math.inf])
def test_quote_refuses_what_is_no_price(bid: float) -> None:
    """A zero, negative or non-finite price cannot become a fact."""
    with pytest.raises(ValueError, match=r"bid|ask"):
        Quote(scope="EURUSD", bid=bid, ask=bid + 0.1, account_per_quote=1.0, source="test")


def test_crossed_quote_is_refused() -> None:
    """A bid at or above the ask cannot become a fact."""
    with pytest.raises(ValueError, match=r"ask must be greater than 1\.1"):
        Quote(scope="EURUSD", bid=1.1, ask=1.1, account_per_quote=1.0, source="test")


def test_exit_intent_cannot_grow_a_position() -> None:
    """An exit on the position's own side, or of more than it holds, cannot be built."""
    fields: dict[str, Any] = {
        "scope": "EURUSD",
        "intent_id": "a",
        "position_ticket": 1,
        "position_side": Side.BUY,
        "position_lots": 0.1,
        "reason": "test",
    }

    with pytest.raises(ValueError, match="side must be SELL"):
        ExitIntent(**fields, side=Side.BUY, lots=0.1)
    with pytest.raises(ValueError, match=r"lots must be in \[0, 0.1\]"):
        ExitIntent(**fields, side=Side.SELL, lots=0.11)


@pytest.mark.parametrize(
    ("side", "stop_price"), [(Side.BUY, 1.0999), (Side.SELL, 1.1001)], ids=["long", "short"]
)
def test_amend_intent_cannot_loosen_a_stop(side: Side, stop_price: float) -> None:
    """A stop further from the price than the present one cannot be built."""
    with pytest.raises(ValueError, match=r"must not be looser than 1\.1"):
        AmendIntent(
            scope="EURUSD",
            intent_id="a",
            position_ticket=1,
            position_side=side,
            stop_price=stop_price,
            current_stop_price=1.1,
            target_price=1.2,
            reason="test",
        )


def test_voter_weights_sum_to_one() -> None:
    """Weights that do not sum to 1 cannot become a fact."""
    half = VoterWeight(scope="a", weight=0.5, brier=0.25, skill=0.0, outcomes=0, is_proven=False)

    with pytest.raises(ValueError, match="sum of weights"):
        VoterWeights(scope="account", weights=(half,), effective_from_ns=1)


def test_log_odds_are_bounded_as_they_are_made() -> None:
    """What a journal says of a chance cannot lie where the learner itself never comes."""
    voter = VoterWeight(
        scope="a",
        weight=0.5,
        brier=0.25,
        skill=0.0,
        outcomes=0,
        is_proven=False,
        log_odds=-LOG_ODDS_MAX,
    )

    with pytest.raises(ValueError, match="log_odds"):
        msgspec.structs.replace(voter, log_odds=math.nextafter(-LOG_ODDS_MAX, -math.inf))


def test_the_glossary_holds_names_of_fields_alone() -> None:
    """Every name that the reference explains once is a field of some fact."""
    kinds, names = list(KINDS), set()
    while kinds:
        hints = typing.get_type_hints(kinds.pop())
        names |= set(hints)
        inner = {one for hint in hints.values() for one in typing.get_args(hint)}
        kinds += [one for one in inner if isinstance(one, type) and issubclass(one, Fact)]

    assert set(MEANINGS) - names == set()
