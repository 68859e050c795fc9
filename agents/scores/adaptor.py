"""Moves the parameters once a session, as far as a promoted policy may.

Precedence: the bounds of the settings go before everything; within them the values that a promoted
walk-forward search found, or else the settings' own, are the base; a policy moves from there, each
week by no more than a share of a parameter's range; and in SAFE whoever decides does not use any of
it. Without a promotion nothing is ever said.
"""

from typing import Final, NamedTuple

import numpy as np

from agents.agent import Outbox
from agents.requests import Reply
from agents.scores.session import SessionView
from agents.served_model import ServedModel, Serving
from blackboard.entry import Draft, Entry
from blackboard.facts import ACCOUNT, ParametersChanged
from config.parameters import PARAMETERS, SEARCHED, bounds_of
from config.settings import Settings
from models.learning import best_params
from models.learning.adaptation.observation import NAMES, observe
from models.learning.adaptation.policy import Council, load_ppo
from models.market.bars import FloatArray
from models.market.sessions import next_bar_close_ns, week_open_ns

POLICY: Final = "ppo"
SETTINGS: Final = "settings"
BOUNDS: Final = np.array([bounds_of(name) for name in PARAMETERS])


class _InForce(NamedTuple):
    values: FloatArray
    origin: str


class Adaptor:
    """Says which parameters hold from the next close on; its memory is what it said."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._week_share = settings.agents.learner.adaptation.week_move_frac
        self._view = SessionView(settings)
        self._policy: ServedModel[Council] = ServedModel(POLICY, NAMES, load_ppo)
        self._searched: ServedModel[dict[str, float]] = ServedModel(
            best_params.FAMILY, best_params.NAMES, best_params.load_best_params
        )
        self._said: _InForce | None = None
        self._week: tuple[int, FloatArray] | None = None
        self._acted_ns = 0

    def see(self, entry: Entry) -> None:
        """Follow market, account and promotions, and what was said of the parameters."""
        self._view.see(entry)
        self._policy.see(entry)
        self._searched.see(entry)
        if isinstance(entry.fact, ParametersChanged):
            self._remember(entry.fact, entry.ts_event_ns)

    def hear(self, reply: Reply) -> None:
        """Take a promoted model."""
        self._policy.hear(reply)
        self._searched.hear(reply)

    def act(self, outbox: Outbox) -> None:
        """Ask for models, and move the parameters at the first complete close of a session."""
        self._policy.act(outbox)
        self._searched.act(outbox)
        close_ns = self._view.close_ns
        if not self._is_due(close_ns):
            return
        self._acted_ns = close_ns
        policy, searched = self._policy.at(close_ns), self._searched.at(close_ns)
        fact = self._next(policy, searched, close_ns)
        if fact is None:
            return
        causes = (self._view.bar_seq, policy.seq, searched.seq)
        outbox.drafts.append(
            Draft(
                fact=fact,
                ts_event_ns=close_ns,
                timeframe=self._settings.timeframe.value,
                causes=tuple(sorted({seq for seq in causes if seq > 0})),
            )
        )

    def _is_due(self, close_ns: int) -> bool:
        # A close that is missing, or answered too late, leaves the session as it is: so an agent
        # rebuilt in the middle of a session says no more than the one before it.
        first_ns = self._view.session_ns + self._settings.timeframe.length_ns
        return (
            self._view.is_complete
            and close_ns == first_ns
            and close_ns > self._acted_ns
            and self._policy.is_ready(close_ns)
            and self._searched.is_ready(close_ns)
        )

    def _remember(self, fact: ParametersChanged, ts_event_ns: int) -> None:
        values = np.array([getattr(fact, name) for name in PARAMETERS])
        week_ns = week_open_ns(ts_event_ns - 1)
        if self._said is None or _base_name(self._said.origin) != _base_name(fact.origin):
            self._week = week_ns, values
        elif self._week is None or week_ns > self._week[0]:
            self._week = week_ns, self._said.values
        self._said = _InForce(values, fact.origin)
        self._acted_ns = max(self._acted_ns, ts_event_ns)

    def _next(
        self,
        policy: Serving[Council],
        searched: Serving[dict[str, float]],
        close_ns: int,
    ) -> ParametersChanged | None:
        base = self._base(searched)
        base_name = searched.version or SETTINGS
        origin = f"{policy.version} over {base_name}" if policy.model is not None else base_name
        values = np.array([base[name] for name in PARAMETERS])
        said = self._said
        # From a new base nothing is moved in its first session, so what a week may move is counted
        # from the base itself.
        if policy.model is not None and said is not None and _base_name(said.origin) == base_name:
            values = self._moved(policy.model, said.values, close_ns)
        is_known = said is not None and said.origin == origin
        if (said is None and origin == SETTINGS) or (
            said is not None and is_known and np.allclose(said.values, values, rtol=1e-9)
        ):
            return None
        return ParametersChanged(
            scope=ACCOUNT,
            min_confidence=float(values[0]),
            min_rr_ratio=float(values[1]),
            atr_multiplier=float(values[2]),
            risk_frac=float(values[3]),
            target_atr_multiplier=base["target_atr_multiplier"],
            confluence_min=base["confluence_min"],
            origin=origin,
            effective_from_ns=next_bar_close_ns(close_ns, self._settings.timeframe.length_ns),
        )

    def _base(self, searched: Serving[dict[str, float]]) -> dict[str, float]:
        values = searched.model or {
            name: float(getattr(self._settings.trading, name)) for name in SEARCHED
        }
        return {name: float(np.clip(each, *bounds_of(name))) for name, each in values.items()}

    def _moved(self, council: Council, place: FloatArray, close_ns: int) -> FloatArray:
        view = self._view
        seen = observe(
            view.context()[None, :],
            place[None, :],
            np.array([view.drawdown_frac]),
            np.array([float(view.recent_trades())]),
            council.space,
        )
        step = council.move_frac * council.space.width * council.act(seen)[0]
        began = self._week_start(place, close_ns)
        reach = self._week_share * council.space.width
        wanted = np.clip(council.space.clipped(place + step), began - reach, began + reach)
        return np.clip(wanted, BOUNDS[:, 0], BOUNDS[:, 1])

    def _week_start(self, place: FloatArray, close_ns: int) -> FloatArray:
        if self._week is not None and self._week[0] == week_open_ns(close_ns - 1):
            return self._week[1]
        return place


def _base_name(origin: str) -> str:
    """Return what the values of an origin started from: `ppo/… over BASE`, or BASE itself."""
    return origin.rpartition(" ")[2]
