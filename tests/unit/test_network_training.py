"""The network's training where the answer is known, and its forward pass against torch."""

import numpy as np
import pytest

from models.opinion.network_training import Lesson, train_network
from models.opinion.recurrent import WINDOW_BARS, Network, network_of

INPUTS = 3


def a_lesson(seed: int = 1, bars: int = 900, effect: float = 0.5) -> Lesson:
    """Return rows whose error is `effect` times the sign of the latest first input, plus noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(bars, INPUTS))
    error = effect * np.sign(inputs[:, 0]) + rng.normal(0.0, 0.1, bars)
    return Lesson(inputs, error, np.arange(WINDOW_BARS, 600), np.arange(620, 880))


def loss(network: Network, lesson: Lesson, symbol: int = 0) -> float:
    """Return the mean loss on the later rows."""
    rows = lesson.stop_rows
    gates = network.project(lesson.inputs, symbol)
    z = lesson.error[rows] - network.outputs(gates, range(rows[0], rows[-1] + 1), WINDOW_BARS)
    return float(np.mean(np.exp(z) - z - 1.0))


def test_before_any_lesson_the_correction_is_zero() -> None:
    """Training begins at the forecast that it corrects."""
    network = train_network([a_lesson()], 0, epochs=0)

    values = network.outputs(network.project(a_lesson().inputs, 0), range(100, 110), WINDOW_BARS)

    assert values.tolist() == [0.0] * 10


def test_a_planted_correction_is_learned() -> None:
    """Of the loss of errors of ±0.5 that the inputs tell of, less than half is left."""
    lesson = a_lesson()

    network = train_network([lesson], 0, epochs=30)

    untaught = train_network([lesson], 0, epochs=0)
    assert loss(network, lesson) < 0.5 * loss(untaught, lesson)


def test_symbols_are_told_apart_by_their_embedding() -> None:
    """Where the same input means the opposite in two symbols, one network learns both."""
    lessons = [a_lesson(1), a_lesson(2, effect=-0.5)]

    network = train_network(lessons, 0, epochs=24)

    untaught = train_network(lessons, 0, epochs=0)
    for symbol, lesson in enumerate(lessons):
        assert loss(network, lesson, symbol) < 0.6 * loss(untaught, lesson, symbol)


def test_the_epoch_that_did_best_on_later_rows_is_kept() -> None:
    """Where the later rows contradict the lesson, what served before it stays nearly untouched."""
    lesson = a_lesson()
    lesson.error[620:] *= -1.0

    kept = train_network([lesson], 0, epochs=8)
    first = train_network([lesson], 0, epochs=1)

    assert loss(kept, lesson) <= loss(first, lesson)


def test_one_seed_gives_one_network() -> None:
    """The same lessons and seed give the same weights, another seed others."""
    first, second, other = (train_network([a_lesson()], seed, epochs=2) for seed in (3, 3, 4))

    for name, weights in first.tensors().items():
        assert (weights == second.tensors()[name]).all()
    assert (first.weight_input != other.weight_input).any()


def test_an_interrupted_training_ends_as_if_it_had_not_been() -> None:
    """After two of four epochs it goes on from the checkpoint, to the same weights."""
    steady = train_network([a_lesson()], 0, epochs=4)
    kept: dict[str, bytes] = {}

    train_network([a_lesson()], 0, epochs=2, checkpoints=kept)
    resumed = train_network([a_lesson()], 0, epochs=4, checkpoints=kept)

    for name, weights in steady.tensors().items():
        assert (weights == resumed.tensors()[name]).all()


@pytest.mark.parametrize("cut", [0, 100])
def test_a_checkpoint_of_other_lessons_or_a_torn_one_is_ignored(cut: int) -> None:
    """Neither other rows' state nor half a file is gone on from."""
    kept: dict[str, bytes] = {}
    train_network([a_lesson(9)], 0, epochs=1, checkpoints=kept)
    kept = {name: content[: len(content) - cut] for name, content in kept.items()}

    trained = train_network([a_lesson()], 0, epochs=1, checkpoints=kept)

    fresh = train_network([a_lesson()], 0, epochs=1)
    assert (trained.weight_input == fresh.weight_input).all()


def test_the_forward_pass_is_torchs() -> None:
    """The same weights give the same value in torch, to float32's accuracy."""
    import torch

    rng = np.random.default_rng(7)
    lstm = torch.nn.LSTM(INPUTS + 2, 8, batch_first=True)
    state = {
        name: torch.tensor(rng.normal(0.0, 0.3, tuple(weights.shape)), dtype=torch.float32)
        for name, weights in lstm.state_dict().items()
    }
    lstm.load_state_dict(state)
    embedding = rng.normal(size=(2, 2)).astype(np.float32)
    head = rng.normal(size=8).astype(np.float32)
    network = network_of(
        {
            "embedding": embedding,
            "weight_input": state["weight_ih_l0"].numpy().T,
            "weight_hidden": state["weight_hh_l0"].numpy().T,
            "bias": (state["bias_ih_l0"] + state["bias_hh_l0"]).numpy(),
            "weight_head": head,
            "bias_head": np.array([0.25], dtype=np.float32),
        }
    )
    inputs = rng.normal(size=(80, INPUTS))

    value = network.outputs(network.project(inputs, 1), range(79, 80), WINDOW_BARS)[0]

    window = np.column_stack((inputs[16:], np.tile(embedding[1], (64, 1)))).astype(np.float32)
    with torch.no_grad():
        hidden, _ = lstm(torch.from_numpy(window)[None])
    assert value == pytest.approx(float(hidden[0, -1].numpy() @ head) + 0.25, abs=1e-5)


def test_weights_that_do_not_belong_together_are_refused() -> None:
    """A weight of another size, or one that is no number, makes no network."""
    tensors = train_network([a_lesson()], 0, epochs=0).tensors()

    with pytest.raises(ValueError, match="shapes"):
        network_of({**tensors, "bias": tensors["bias"][:-1]})
    with pytest.raises(ValueError, match="finite"):
        network_of({**tensors, "weight_head": tensors["weight_head"] * np.float32("nan")})
