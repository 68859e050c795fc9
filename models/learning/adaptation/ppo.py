"""One seed of PPO over the sessions of a lattice, by stable-baselines3.

Source: Schulman et al., *Proximal Policy Optimization Algorithms* (2017). The figures are those
that were measured to be quick on one thread: for networks so small, what a call costs is the calls
of Python and torch around it, so many accounts go a few sessions each and two batches make an
epoch. Prices do not react to actions, so little is worth looking ahead for but the way that
parameters have to go.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.policy import Policy
from models.learning.adaptation.sessions import Sessions, Terms

if TYPE_CHECKING:
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecEnv

ACCOUNTS: Final = 256
"""Accounts that are stepped together."""
STEPS: Final = 16
"""Sessions of each between two updates; discount and trace forget three quarters in seven."""
BATCH: Final = 2048
"""Sessions of one gradient, half of an update's."""
OPTIMISER: Final[dict[str, object]] = {"fused": True, "eps": 1e-5}
"""Adam as stable-baselines3 sets it, all weights in one call."""


class PPOTerms(NamedTuple):
    """How long and how PPO learns."""

    steps: int = 100_000
    discount: float = 0.9
    learning_rate: float = 1e-3
    """Gradients of so many sessions are seldom wrong and few; three times smaller ones would not
    arrive within the steps."""
    hidden: int = 32


def train_policy(
    lattice: Lattice, space: Space, terms: Terms, learning: PPOTerms, seed: int
) -> Policy:
    """Return the policy that one seed learns on all sessions of a lattice.

    The same arguments give the same policy on one machine; torch runs on one thread.
    """
    from models.learning.adaptation.environments import LatticeVecEnv

    sessions = Sessions(lattice, space, terms, ACCOUNTS, np.random.default_rng(seed))
    model = model_of(LatticeVecEnv(sessions), learning, seed)
    learn(model, learning.steps)
    return policy_of(model, model.get_env())


def learn(model: "PPO", steps: int) -> None:
    """Let a model live through some sessions of its accounts."""
    from models.learning.adaptation.cuts import WorthOfCuts

    model.learn(steps, callback=WorthOfCuts())


def model_of(venv: "VecEnv", learning: PPOTerms, seed: int) -> "PPO":
    """Return an untrained PPO over environments whose observations and rewards are normalised."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    torch.set_num_threads(1)  # the network is so small that threads only wait for each other
    return PPO(
        "MlpPolicy",
        VecNormalize(venv, gamma=learning.discount),
        n_steps=STEPS,
        batch_size=BATCH,
        n_epochs=5,
        learning_rate=learning.learning_rate,
        gamma=learning.discount,
        gae_lambda=0.9,
        ent_coef=0.005,
        target_kl=0.02,
        policy_kwargs={
            "net_arch": [learning.hidden, learning.hidden],
            "optimizer_kwargs": OPTIMISER,
        },
        device="cpu",
        seed=seed,
    )


def policy_of(model: "object", env: "object") -> Policy:
    """Return network and statistics of a trained model as plain numbers."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    assert isinstance(model, PPO)
    assert isinstance(env, VecNormalize)
    state = {name: value.double().numpy() for name, value in model.policy.state_dict().items()}
    statistics = env.obs_rms
    assert not isinstance(
        statistics, dict
    )  # one statistic a name only where observations are dicts
    return Policy(
        seen_mean=np.array(statistics.mean, np.float64),
        seen_variance=np.array(statistics.var, np.float64),
        w0=state["mlp_extractor.policy_net.0.weight"],
        b0=state["mlp_extractor.policy_net.0.bias"],
        w1=state["mlp_extractor.policy_net.2.weight"],
        b1=state["mlp_extractor.policy_net.2.bias"],
        w2=state["action_net.weight"],
        b2=state["action_net.bias"],
    )
