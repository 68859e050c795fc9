"""A trained policy as plain numbers: what acts live needs neither stable-baselines3 nor torch.

A policy is a small network with the statistics by which its observations are normalised; apart from
each other they are worthless, so they are kept in one file. The mean of all seeds acts: to pick the
best of them would be one more trial.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.learning.adaptation.lattice import PARAMETERS, Space
from models.learning.adaptation.observation import NAMES
from models.market.bars import FloatArray

NETWORK_FILE: Final = "policy.safetensors"
CONFIG_FILE: Final = "policy.json"
FORMAT: Final = 1
VARIANCE_FLOOR: Final = 1e-8
"""Of stable-baselines3's VecNormalize, whose normalisation this repeats."""
SEEN_MAX: Final = 10.0
"""Where normalised observations are cut, as there."""

_TENSORS: Final = ("seen_mean", "seen_variance", "w0", "b0", "w1", "b1", "w2", "b2")


@dataclass(frozen=True, slots=True)
class Policy:
    """One seed's network: two layers of tanh, then the mean of the action."""

    seen_mean: FloatArray
    seen_variance: FloatArray
    w0: FloatArray
    b0: FloatArray
    w1: FloatArray
    b1: FloatArray
    w2: FloatArray
    b2: FloatArray

    def act(self, seen: FloatArray) -> FloatArray:
        """Return the actions for observations of shape (n, n_names), each in [−1, 1]."""
        deviation = np.sqrt(self.seen_variance + VARIANCE_FLOOR)
        inner = np.clip((seen - self.seen_mean) / deviation, -SEEN_MAX, SEEN_MAX)
        inner = np.tanh(inner @ self.w0.T + self.b0)
        inner = np.tanh(inner @ self.w1.T + self.b1)
        return np.clip(inner @ self.w2.T + self.b2, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Council:
    """The policies of all seeds, with the bounds that they were trained in."""

    policies: tuple[Policy, ...]
    space: Space
    move_frac: float

    def act(self, seen: FloatArray) -> FloatArray:
        """Return the mean of what the policies would do."""
        mean: FloatArray = np.mean([policy.act(seen) for policy in self.policies], axis=0)
        return mean


def saved_policies(policies: tuple[Policy, ...]) -> bytes:
    """Return the numbers of policies as safetensors."""
    from safetensors.numpy import save

    saved: bytes = save(
        {
            f"{place}.{name}": np.ascontiguousarray(getattr(policy, name))
            for place, policy in enumerate(policies)
            for name in _TENSORS
        }
    )
    return saved


def load_policies(content: bytes) -> tuple[Policy, ...]:
    """Return the policies that `saved_policies` wrote; ValueError where they are not whole."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        return tuple(
            Policy(*(tensors[f"{place}.{name}"] for name in _TENSORS))
            for place in range(len(tensors) // len(_TENSORS))
        )
    except (KeyError, SafetensorError) as error:
        raise ValueError(f"the policies are incomplete or broken: {error!r}") from error


def files_of(council: Council) -> dict[str, bytes]:
    """Return a council as files: safetensors for the numbers, JSON for what they mean."""
    config = {
        "format": FORMAT,
        "policies": len(council.policies),
        "names": NAMES,
        "parameters": PARAMETERS,
        "low": council.space.low.tolist(),
        "high": council.space.high.tolist(),
        "static": council.space.static.tolist(),
        "move_frac": council.move_frac,
    }
    text = json.dumps(config, sort_keys=True)
    return {NETWORK_FILE: saved_policies(council.policies), CONFIG_FILE: text.encode()}


def load_ppo(files: Mapping[str, bytes]) -> Council:
    """Return the council that `files_of` wrote.

    Raises
    ------
    ValueError
        If a file is missing or broken, has another layout or other names, or holds what is not
        finite: such a policy must not move anything.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        config = json.loads(files[CONFIG_FILE])
        tensors = load(files[NETWORK_FILE])
    except (KeyError, SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the policy's files are incomplete or broken: {error!r}") from error
    asked = {"format": FORMAT, "names": list(NAMES), "parameters": list(PARAMETERS)}
    found = {name: config.get(name) for name in asked}
    if found != asked:
        raise ValueError(f"the policy must have {asked}, has {found}")
    try:
        policies = tuple(
            Policy(*(tensors[f"{place}.{name}"] for name in _TENSORS))
            for place in range(int(config["policies"]))
        )
        space = Space(*(np.array(config[name], np.float64) for name in Space._fields))
        council = Council(policies, space, float(config["move_frac"]))
        is_finite = np.isfinite(council.act(np.zeros((1, len(NAMES))))).all()
    except (KeyError, TypeError) as error:
        raise ValueError(f"the policy lacks {error}") from error
    if not policies or not is_finite:
        raise ValueError("the policy is empty or not finite")
    return council
