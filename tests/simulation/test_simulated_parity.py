"""Weeks that followed the clock, with faults and restarts, are said again by six fresh agents."""

from pathlib import Path

import pytest

from blackboard.journal import Block
from runtime.proof.audit import audit
from runtime.proof.parity import certify
from runtime.proof.recording import RecordedStart, Recording
from runtime.simulation.history import History
from runtime.simulation.run import run
from runtime.simulation.scenario import scenario_of


def recorded(seed: int, history: History) -> Recording:
    """Return what a simulated week has recorded."""
    settings = scenario_of(seed, Path("nowhere")).settings
    blocks = [
        Block(
            first_seq=each.first_seq,
            last_seq=each.last_seq,
            previous_hash=each.previous_hash,
            payload=each.payload,
            hash=each.hash,
        )
        for each in history.blocks
    ]
    synthetic = settings.market.synthetic
    start = RecordedStart(
        first_seq=1,
        is_virtual=False,
        settings=settings,
        data={"kind": "synthetic", "seed": str(synthetic.seed), "start": synthetic.start},
        code_hash="",
    )
    return Recording(
        lambda after: (block for block in blocks if block.last_seq > after),
        (start,),
        blocks[-1].last_seq,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "faults"), [(2, False), (3, True)])
def test_a_week_along_the_clock_has_parity(seed: int, faults: bool) -> None:
    """Long poll, late replies, killed agents: every fact is said again, every check stands."""
    result, history = run(seed, faults=faults)

    certificate = certify(recorded(seed, history), f"seed {seed}")

    assert certificate.divergence is None
    assert certificate.holds
    assert certificate.entries == result.entries
    assert certificate.facts > 1000
    assert audit(recorded(seed, history), f"seed {seed}").findings == ()
    epochs = {entry.epoch for entry in history.entries if entry.author == "supervisor"}
    assert len(epochs) > 1 or not faults
