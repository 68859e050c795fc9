"""What a vote on texts is worth: who knows is told from who guesses, and by how much."""

import pytest

from benchmarks.wires import worth_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_wire_that_knows_is_heard_and_one_that_guesses_is_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its votes are scored, calibrated and weighed like others', and an ablation says their worth.

    Both runs are reproduced to the cent before anything is taken away.
    """
    knows, guesses = (
        worth_of(wire, tmp_path_factory.mktemp(wire)) for wire in ("knows", "guesses")
    )

    assert knows.headlines == guesses.headlines > 50
    assert min(knows.outcomes, guesses.outcomes) > 100
    assert knows.brier < 0.25 < guesses.brier + 0.005
    assert knows.brier < guesses.brier
    assert knows.weight > guesses.weight
    assert knows.vote.without == "sentiment_vote"
    assert knows.vote.trades == knows.whole.trades
