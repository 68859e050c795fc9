"""What lies beyond the end of an episode, estimated for all accounts of a rollout at once.

An episode is cut, its market goes on: the reward of its last session gets what the value network
expects after it. Stable-baselines3 asks the network account by account, which took a fifth of a
training; it does not change within a rollout, so one question at the end has the same answers.
"""

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from models.learning.adaptation.environments import Cut, LatticeVecEnv


class WorthOfCuts(BaseCallback):
    """Adds the discounted value of what comes after to the rewards of episodes that were cut."""

    def _init_callback(self) -> None:
        self._cuts: list[Cut] = []

    def _on_rollout_start(self) -> None:
        self._cuts.clear()

    def _on_step(self) -> bool:
        env = self.training_env
        assert isinstance(env, VecNormalize)
        assert isinstance(env.venv, LatticeVecEnv)
        accounts, seen = env.venv.cut
        self._cuts.append(Cut(accounts, np.asarray(env.normalize_obs(seen), np.float32)))
        if len(self._cuts) == self.locals["n_rollout_steps"]:
            self._reward()
        return True

    def _reward(self) -> None:
        model = self.model
        assert isinstance(model, PPO)
        seen = torch.from_numpy(np.concatenate([cut.seen for cut in self._cuts]))
        if not len(seen):
            return
        with torch.no_grad():
            worth = model.gamma * model.policy.predict_values(seen).numpy().ravel()
        # The latest rewards are not in the buffer yet: they get there after this call.
        rewards = [*model.rollout_buffer.rewards[: len(self._cuts) - 1], self.locals["rewards"]]
        first = 0
        for reward, (accounts, _) in zip(rewards, self._cuts, strict=True):
            reward[accounts] += worth[first : first + len(accounts)]
            first += len(accounts)
