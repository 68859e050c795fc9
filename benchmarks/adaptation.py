"""Benchmark: sessions a second that PPO learns from, beside stable-baselines3's own ceiling."""

from importlib.metadata import version
from time import process_time
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.comparisons import Comparison
from benchmarks.measuring import short
from benchmarks.sections import Section, table
from models.learning.adaptation.environments import (
    LatticeEnv,
    LatticeVecEnv,
    action_space,
    observation_space,
)
from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import FEATURES
from models.learning.adaptation.ppo import ACCOUNTS, BATCH, STEPS, PPOTerms, learn, model_of
from models.learning.adaptation.sessions import Sessions, Terms

LIVED: Final = 25 * ACCOUNTS * STEPS
"""Sessions of one repetition."""
LIVED_AS_IT_COMES: Final = 16_384
REPETITIONS: Final = 7
FLOOR_STEPS_S: Final = 50_000
SESSIONS: Final = 2000

FloatArray = NDArray[np.float64]


def run() -> Section:
    """Measure environment and learning on a random lattice, and learning alone, by turns."""
    ours, ceiling = LatticeVecEnv(_sessions()), _Nothing(_sessions())
    pairs = np.array([(_rate(ours), _rate(ceiling)) for _ in range(REPETITIONS)])
    shares = pairs[:, 0] / pairs[:, 1]
    rates = {
        "our environment alone": np.array([_rate_alone() for _ in range(REPETITIONS)]),
        "our environment and PPO": pairs[:, 0],
        "an environment that does nothing, and PPO": pairs[:, 1],
        "one account after the other, PPO as it comes": np.array([_rate_as_it_comes()]),
    }
    is_met = np.median(pairs[:, 0]) >= FLOOR_STEPS_S
    rows = [
        [name, f"{np.median(found):,.0f}", f"{np.ptp(found) / np.median(found):.0%}"]
        for name, found in rates.items()
    ]
    return Section(
        name="adaptation",
        title="Adaptation",
        text=(
            f"{LIVED:,} sessions of {ACCOUNTS} accounts, {STEPS} each between updates, batches of "
            f"{BATCH:,}, PPO as in `train ppo`, on one thread. The floor of {FLOOR_STEPS_S:,} "
            f"steps/s is {'met' if is_met else 'missed'}; {np.median(shares):.2f} of the ceiling "
            f"beside it ({shares.min():.2f} to {shares.max():.2f} in {REPETITIONS} pairs)."
        ),
        tables=(table(("what runs", "steps/s", "spread"), rows),),
        notes=(
            "The third row is the ceiling: what stable-baselines3 itself takes, set so.",
            "The fourth is stable-baselines3 with its own settings and eight accounts.",
        ),
        comparisons=(_comparison(pairs, shares),),
    )


def _comparison(pairs: FloatArray, shares: FloatArray) -> Comparison:
    ours, ceiling = np.median(pairs, axis=0)
    return Comparison(
        "sessions that PPO learns from",
        f"{short(ours)} steps/s",
        f"stable-baselines3 {version('stable_baselines3')}, its ceiling",
        f"{short(ceiling)} steps/s",
        float(np.median(shares)),
        ", ".join(f"{np.ptp(each) / np.median(each):.0%}" for each in pairs.T),
        "the same PPO learns from an environment that does nothing: what is left is its own cost",
    )


class _Nothing(LatticeVecEnv):
    """Same shapes, constant answers, no end."""

    def step_wait(self) -> Any:
        nothing = np.zeros(self.num_envs, np.float32)
        seen = np.zeros((self.num_envs, *observation_space().shape), np.float32)
        return seen, nothing, np.zeros(self.num_envs, bool), [self._goes_on] * self.num_envs


def _market() -> tuple[Lattice, Space]:
    generator = np.random.default_rng(0)
    axes = (np.linspace(0.5, 0.6, 5), np.linspace(2.5, 4.0, 5), np.linspace(1.0, 4.0, 5))
    shape = (SESSIONS, 5, 5, 5)
    lattice = Lattice(
        axes,
        np.arange(SESSIONS),
        generator.normal(size=(SESSIONS, len(FEATURES))),
        generator.normal(size=shape),
        np.ones(shape),
    )
    bounds = np.array([[0.5, 0.6], [2.5, 4.0], [1.0, 4.0], [0.002, 0.01]])
    return lattice, Space(bounds[:, 0], bounds[:, 1], bounds.mean(axis=1))


def _sessions() -> Sessions:
    return Sessions(*_market(), Terms(), ACCOUNTS, np.random.default_rng(0))


def _rate_alone() -> float:
    env = LatticeVecEnv(_sessions())
    env.reset()
    actions = np.random.default_rng(1).uniform(-1.0, 1.0, (ACCOUNTS, *action_space().shape))
    began_s = process_time()
    for _ in range(LIVED // ACCOUNTS):
        env.step(actions)
    return LIVED / (process_time() - began_s)


def _rate(env: LatticeVecEnv) -> float:
    model = model_of(env, PPOTerms(steps=LIVED), seed=0)
    learn(model, ACCOUNTS * STEPS)  # the first rollout imports and allocates
    began_s = process_time()
    learn(model, LIVED)
    return LIVED / (process_time() - began_s)


def _rate_as_it_comes() -> float:
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    lattice, space = _market()
    env = VecNormalize(DummyVecEnv([cast(Any, lambda: LatticeEnv(lattice, space))] * 8))
    model = PPO("MlpPolicy", env, device="cpu", seed=0)
    began_s = process_time()
    model.learn(LIVED_AS_IT_COMES)
    return LIVED_AS_IT_COMES / (process_time() - began_s)
