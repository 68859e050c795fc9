"""Benchmark: sessions a second that PPO learns from, beside stable-baselines3's own ceiling."""

from time import process_time
from typing import Any, Final

import numpy as np

from benchmarks.sections import Section, table
from models.learning.adaptation.environments import LatticeVecEnv, action_space, observation_space
from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import FEATURES
from models.learning.adaptation.ppo import ACCOUNTS, PPOTerms, model_of
from models.learning.adaptation.sessions import Sessions, Terms

STEPS: Final = 200_000
FLOOR_STEPS_S: Final = 50_000
SESSIONS: Final = 2000


def run() -> Section:
    """Measure environment and learning on a random lattice, and learning alone."""
    rates = {
        "our environment alone": _rate_alone(),
        "our environment and PPO": _rate(LatticeVecEnv(_sessions())),
        "an environment that does nothing, and PPO": _rate(_Nothing(_sessions())),
    }
    is_met = rates["our environment and PPO"] >= FLOOR_STEPS_S
    rows = [[name, f"{rate:,.0f}"] for name, rate in rates.items()]
    return Section(
        name="adaptation",
        title="Adaptation",
        text=(
            f"{STEPS:,} sessions of {ACCOUNTS} accounts, PPO as in `train ppo`, on one thread. "
            f"The floor of {FLOOR_STEPS_S:,} steps/s is {'met' if is_met else 'missed'}."
        ),
        tables=(table(("what runs", "steps/s"), rows),),
        notes=("The third row is the ceiling: what stable-baselines3 itself takes.",),
    )


class _Nothing(LatticeVecEnv):
    """Same shapes, constant answers, no end."""

    def step_wait(self) -> Any:
        nothing = np.zeros(self.num_envs, np.float32)
        seen = np.zeros((self.num_envs, *observation_space().shape), np.float32)
        return seen, nothing, np.zeros(self.num_envs, bool), [self._nothing] * self.num_envs


def _sessions() -> Sessions:
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
    space = Space(bounds[:, 0], bounds[:, 1], bounds.mean(axis=1))
    return Sessions(lattice, space, Terms(), ACCOUNTS, generator)


def _rate_alone() -> float:
    env = LatticeVecEnv(_sessions())
    env.reset()
    actions = np.random.default_rng(1).uniform(-1.0, 1.0, (ACCOUNTS, *action_space().shape))
    began_s = process_time()
    for _ in range(STEPS // ACCOUNTS):
        env.step(actions)
    return STEPS / (process_time() - began_s)


def _rate(env: LatticeVecEnv) -> float:
    model = model_of(env, PPOTerms(steps=STEPS), seed=0)
    model.learn(ACCOUNTS * 64)  # the first rollout imports and allocates
    began_s = process_time()
    model.learn(STEPS)
    return STEPS / (process_time() - began_s)
