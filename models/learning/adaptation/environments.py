"""The sessions as stable-baselines3 and gymnasium want to see them.

Stable-baselines3 steps one environment after the other in Python; here one call steps all of them,
which is what makes a step cost microseconds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvObs, VecEnvStepReturn

from models.learning.adaptation.lattice import PARAMETERS, Lattice, Space
from models.learning.adaptation.observation import CONTEXT_MAX
from models.learning.adaptation.sessions import Sessions, Terms, observation_size
from models.market.bars import IntArray


def observation_space() -> Box:
    """Return the space of observations."""
    return Box(-CONTEXT_MAX, CONTEXT_MAX, (observation_size(),), np.float32)


def action_space() -> Box:
    """Return the space of actions: one number a parameter."""
    return Box(-1.0, 1.0, (len(PARAMETERS),), np.float32)


class Cut(NamedTuple):
    """Accounts whose episode the latest step cut off, and what they would have seen next."""

    accounts: IntArray
    seen: np.ndarray


class LatticeVecEnv(VecEnv):
    """Many accounts over one lattice, stepped together; episodes begin anew by themselves.

    What an account would have seen after the end of its episode stands in `cut` and not in its
    information: stable-baselines3 would ask what that is worth account by account, `WorthOfCuts`
    asks for all at once.
    """

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(sessions.count, observation_space(), action_space())
        self.sessions = sessions
        self.cut = Cut(np.empty(0, np.int64), np.empty((0, observation_size()), np.float32))
        self._actions = np.zeros((sessions.count, len(PARAMETERS)))
        # Nobody writes into what is said of an account, so all share these.
        self._goes_on: dict[str, Any] = {}
        self._is_cut: dict[str, Any] = {"TimeLimit.truncated": True}

    def reset(self) -> VecEnvObs:
        """Begin all episodes."""
        self.sessions.begin()
        return self.sessions.observe().astype(np.float32)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step."""
        self._actions = np.asarray(actions, np.float64)

    def step_wait(self) -> VecEnvStepReturn:
        """Step all accounts; those at the end of their episode begin another."""
        step = self.sessions.move(self._actions)
        seen = self.sessions.observe().astype(np.float32)
        infos = [self._goes_on] * self.num_envs
        over = np.flatnonzero(step.is_cut)
        self.cut = Cut(over, seen[over])
        if len(over):
            for account in over:
                infos[account] = self._is_cut
            self.sessions.begin(over)
            seen[over] = self.sessions.observe(over)
        return seen, step.reward.astype(np.float32), step.is_cut.copy(), infos

    def close(self) -> None:
        """Have nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for every account."""
        return [getattr(self, attr_name, None)] * self._many(indices)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method once for all."""
        found = getattr(self, method_name)(*method_args, **method_kwargs)
        return [found] * self._many(indices)

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return that no account is wrapped."""
        return [False] * self._many(indices)

    def _many(self, indices: Any) -> int:
        if indices is None:
            return self.num_envs
        return len(indices) if isinstance(indices, Sequence) else 1


class LatticeEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One account over a lattice, for whoever wants the usual interface."""

    def __init__(self, lattice: Lattice, space: Space, terms: Terms = Terms()) -> None:  # noqa: B008 # immutable
        self.observation_space = observation_space()
        self.action_space = action_space()
        self._parts = lattice, space, terms
        self._sessions = Sessions(*self._parts, 1, np.random.default_rng(0))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode at a random session."""
        super().reset(seed=seed)
        self._sessions = Sessions(*self._parts, 1, self.np_random)
        self._sessions.begin()
        return self._seen(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Live through one session; the end of an episode is always `truncated`."""
        step = self._sessions.move(np.asarray(action, np.float64)[None, :])
        return self._seen(), float(step.reward[0]), False, bool(step.is_cut[0]), {}

    def _seen(self) -> np.ndarray:
        seen: np.ndarray = self._sessions.observe()[0].astype(np.float32)
        return seen
