"""Which trained models a post speaks by: whoever says what a model says names its version."""

from collections.abc import Iterable, Iterator, Set

from blackboard.entry import Entry
from blackboard.facts import Fact, ModelFailed, ParametersChanged, VolatilityForecast, Vote


def models_named(entries: Iterable[Entry], versions: Set[str]) -> tuple[str, ...]:
    """Return those of some versions that the facts of a post name, in order of their names."""
    words = {word for entry in entries for word in _words(entry.fact)}
    return tuple(sorted(versions & words))


def _words(fact: Fact) -> Iterator[str]:
    match fact:
        case Vote(model=model, heard=heard):
            yield from model.split("+")  # several families speak as one
            yield from (word.scope for word in heard)
        case VolatilityForecast(model=model, challenger=challenger, rivals=rivals):
            yield from (model, challenger, *(rival.scope for rival in rivals))
        case ParametersChanged(origin=origin):
            yield from origin.split()  # a policy over what it moves from
        case ModelFailed(version=version):
            yield version
        case _:
            pass
