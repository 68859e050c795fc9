"""What the learner may ask of the world beside what every agent may: trainings and the store."""

import msgspec

from agents.requests import Reply, Request


class Train(Request, frozen=True, kw_only=True):
    """Train and judge one family; asked again for the same attempt it is not done twice."""

    family: str
    attempt_ns: int
    """Market time of the attempt, which with the family is its name."""
    is_refresh: bool
    """Whether a schedule or an alarm of drift asked for it."""
    seed: int


class TriedConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration that a training has evaluated."""

    trial_id: str
    parameters: str
    """Canonical JSON."""
    score: float


class Trained(Reply, frozen=True, kw_only=True):
    """What came of a training; without a version there is no candidate, and `reason` says why."""

    request: Train
    version: str = ""
    content_hash: str = ""
    rows: int = 0
    trained_until_ns: int = 0
    data_hash: str = ""
    validation_loss: float = 0.0
    """Mean loss on rows that training had not seen; 0 for families that forecast nothing."""
    trials: tuple[TriedConfiguration, ...] = ()
    has_passed: bool = False
    """Whether it passed every gate."""
    is_baseline_due: bool = False
    """Whether the baseline has beaten the model that serves, which then gives its place up."""
    failed_gate: str = ""
    detail: str = ""
    reason: str = ""
    have: int = 0
    need: int = 0


class ReadChampions(Request, frozen=True, kw_only=True):
    """Which version of each family serves, by the store's record."""

    after_ns: int
    """Only tells one question from another: the same one is not asked twice at once."""


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """What serves in one family."""

    family: str
    version: str
    """Empty for the baseline."""
    content_hash: str
    reason: str
    """Why an earlier version serves again, empty after a promotion."""


class ChampionsRead(Reply, frozen=True, kw_only=True):
    """What serves in every family that ever had a candidate."""

    request: ReadChampions
    champions: tuple[Champion, ...]


class ServeModel(Request, frozen=True, kw_only=True):
    """Note in the store that a version serves; noted once, however often it is asked."""

    family: str
    version: str
    """Empty for the baseline."""
    reason: str
    at_ns: int


class ModelServed(Reply, frozen=True, kw_only=True):
    """The store has noted it."""

    request: ServeModel


class NoteShadow(Request, frozen=True, kw_only=True):
    """Note in the store that a candidate is in shadow, or what came of its shadow."""

    family: str
    version: str
    at_ns: int
    until_ns: int
    """When it may begin to serve; 0 where its shadow is over."""
    failed_gate: str
    """The test that it failed in shadow, empty where it did not."""
    detail: str


class ShadowNoted(Reply, frozen=True, kw_only=True):
    """The store has noted it."""

    request: NoteShadow
