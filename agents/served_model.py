"""The model of one family that an agent serves: promoted, loaded, and switched between rounds.

An agent composes one for every family that it serves. It follows the promotions of the family, asks
for what is promoted, loads it, and tries it on a golden batch before it says a word. From the close
on at which a promotion takes effect the new model answers, if it is there by then; until it is, the
one before goes on. What was once said of a close is said by the same version for every symbol, also
by an agent that was rebuilt in the middle of the round. A model that cannot be used is a fact.
"""

from collections.abc import Callable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar

from agents.agent import Outbox
from agents.requests import ModelRead, ReadModel, Reply, Unanswered
from blackboard.entry import Draft, Entry
from blackboard.facts import ModelFailed, ModelPromoted, ModelRolledBack

M = TypeVar("M")

BASELINE: Final = ""
"""Version of what serves where no model has earned its place."""
ORDERS_MAX: Final = 8
"""Latest promotions and rollbacks that are remembered."""
CLOSES_MAX: Final = 8
"""Latest closes whose version is remembered."""
REASON_LENGTH_MAX: Final = 300


class Serving(NamedTuple, Generic[M]):
    """What answers at a close."""

    version: str
    """Empty for the baseline."""
    model: M | None
    """None for the baseline."""
    seq: int
    """Of the promotion or rollback, to be named as a cause; 0 before the first."""


class _Order(NamedTuple):
    version: str
    effective_from_ns: int
    seq: int
    ts_event_ns: int


class ServedModel(Generic[M]):
    """One family's model, as its agent serves it.

    Parameters
    ----------
    family : str
        Family, which is the scope of its promotions.
    feature_schema : tuple of str
        Columns that the agent can give, in their order.
    load : callable
        Makes the model of its files; raises ValueError for whatever is wrong with them.
    check : callable, optional
        Tries a loaded model on a golden batch; raises ValueError if it says anything but what it
        should.
    """

    def __init__(
        self,
        family: str,
        feature_schema: tuple[str, ...],
        load: Callable[[Mapping[str, bytes]], M],
        check: Callable[[M], None] = lambda model: None,
    ) -> None:
        self.family = family
        self._feature_schema = feature_schema
        self._load = load
        self._check = check
        self._orders: list[_Order] = []
        self._models: dict[str, M] = {}
        self._failures: dict[str, tuple[str, bool]] = {}
        self._asked: set[str] = set()
        self._told: set[str] = set()
        self._by_close: dict[int, str] = {}

    def see(self, entry: Entry) -> None:
        """Follow the family's promotions, and what was said of a failure already."""
        match entry.fact:
            case ModelPromoted(scope=self.family) | ModelRolledBack(scope=self.family) as fact:
                self._orders.append(
                    _Order(fact.version, fact.effective_from_ns, entry.seq, entry.ts_event_ns)
                )
                del self._orders[:-ORDERS_MAX]
                # Promoted again it gets another chance: it may have been repaired.
                self._failures.pop(fact.version, None)
                self._told.discard(fact.version)
                self._forget()
            case ModelFailed(scope=self.family) as failed:
                self._told.add(failed.version)
                self._failures[failed.version] = failed.reason, failed.was_serving
                self._models.pop(failed.version, None)
            case _:
                pass

    def hear(self, reply: Reply) -> None:
        """Take a model, or why there is none."""
        match reply:
            case ModelRead(request=ReadModel(family=self.family, version=version)):
                self._take(version, dict(reply.files))
            case Unanswered(request=ReadModel(family=self.family, version=version), reason=reason):
                self._asked.discard(version)
                self._failures[version] = reason, False
            case _:
                pass

    def act(self, outbox: Outbox) -> None:
        """Ask for what is promoted and not there, and tell of what cannot be used."""
        for version in self._wanted():
            self._asked.add(version)
            outbox.requests.append(
                ReadModel(family=self.family, version=version, feature_schema=self._feature_schema)
            )
        outbox.drafts += [
            self._failure(order)
            for order in self._orders
            if order.version in self._failures and order.version not in self._told
        ]

    def is_ready(self, close_ns: int) -> bool:
        """Whether it is known who answers at a close; not before what serves has been read."""
        return self._found(close_ns) is not None

    def at(self, close_ns: int) -> Serving[M]:
        """Return who answers at a close, the same for every symbol and every time it is asked.

        Ask `is_ready` first. A model that said nonsense at the close is answered for by the
        baseline from then on.
        """
        found = self._found(close_ns)
        assert found is not None, "is_ready was not asked"
        self.said(close_ns, found.version)
        return found

    def before(self, close_ns: int) -> Serving[M]:
        """Return what answered before that which answers at a close; ask `at` first.

        Without a model where that was the baseline, or it is not loaded.
        """
        found = self._found(close_ns)
        assert found is not None, "is_ready was not asked"
        due = [order for order in self._orders if order.effective_from_ns <= close_ns]
        seqs = [order.seq for order in due]
        older = due[: seqs.index(found.seq)] if found.seq in seqs else []
        for order in reversed(older):
            if order.version != found.version:
                return Serving(order.version, self._models.get(order.version), order.seq)
        return Serving(BASELINE, None, 0)

    def said(self, close_ns: int, model: str) -> None:
        """Note which model has answered at a close; call it for own facts that come back.

        What is no promoted version of the family is its baseline.
        """
        self._by_close.setdefault(close_ns, model if self.knows(model) else BASELINE)
        while len(self._by_close) > CLOSES_MAX:
            del self._by_close[min(self._by_close)]

    def knows(self, model: str) -> bool:
        """Whether a model's name is that of a promoted version of the family."""
        return any(order.version == model for order in self._orders)

    def fail(self, version: str, reason: str) -> None:
        """Note that a model which serves says what cannot be; it is not asked again."""
        self._models.pop(version, None)
        self._failures.setdefault(version, (reason[:REASON_LENGTH_MAX], True))

    def _take(self, version: str, files: Mapping[str, bytes]) -> None:
        self._asked.discard(version)
        try:
            model = self._load(files)
            self._check(model)
        except (ImportError, ValueError) as error:
            self._failures[version] = f"not_loaded: {error}"[:REASON_LENGTH_MAX], False
            return
        self._models[version] = model

    def _found(self, close_ns: int) -> Serving[M] | None:
        pinned = self._by_close.get(close_ns)
        if pinned == BASELINE:
            return Serving(BASELINE, None, 0)
        due = [order for order in self._orders if order.effective_from_ns <= close_ns]
        if pinned is not None:
            due = [order for order in due if order.version == pinned] or due
        for place, order in enumerate(reversed(due)):
            if order.version == BASELINE or order.version in self._models:
                return Serving(order.version, self._models.get(order.version), order.seq)
            if order.version not in self._failures and not self._has_older(due, place):
                return None
        return Serving(BASELINE, None, due[-1].seq if due else 0)

    def _has_older(self, due: list[_Order], place: int) -> bool:
        """Whether something that served before can go on while the newest is being read."""
        older = due[: len(due) - place - 1]
        return any(order.version in self._models for order in older)

    def _wanted(self) -> list[str]:
        pinned = [version for version in self._by_close.values() if version != BASELINE]
        newest = [order.version for order in self._orders[-2:]]
        promoted = {order.version for order in self._orders}
        return [
            version
            for version in dict.fromkeys(newest + [each for each in pinned if each in promoted])
            if version != BASELINE
            and version not in self._models
            and version not in self._failures
            and version not in self._asked
        ]

    def _forget(self) -> None:
        """Drop models that no order which can still answer names."""
        wanted = {order.version for order in self._orders[-2:]} | set(self._by_close.values())
        self._models = {
            version: model for version, model in self._models.items() if version in wanted
        }

    def _failure(self, order: _Order) -> Draft:
        reason, was_serving = self._failures[order.version]
        fact = ModelFailed(
            scope=self.family, version=order.version, reason=reason, was_serving=was_serving
        )
        return Draft(
            fact=fact,
            ts_event_ns=order.ts_event_ns,
            ordinal=order.version,
            causes=(order.seq,),
        )
