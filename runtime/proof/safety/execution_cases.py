"""Cases of what is asked last of an approved entry, just before it is announced to be sent."""

from typing import Final

from agents.execution import ExecutionAgent
from agents.requests import (
    BrokerAccount,
    BrokerPosition,
    BrokerRead,
    ReadBroker,
    Reply,
    Request,
    SendAnswered,
    SendOrder,
)
from blackboard.facts import OrderOutcome, RiskApproved
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from config.settings import Settings
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    BID,
    EQUITY,
    NOON_NS,
    POINT,
    SPREAD_POINTS,
    SYMBOLS,
    a_quote,
    a_spec,
    a_state,
    an_intent,
)
from runtime.proof.safety.scene import Answer, Scene

LOTS: Final = 0.1
_ENTERED: Final = SYMBOLS[0]
_DONE: Final = 10_009
_HEDGING: Final = 2
_ASK: Final = BID + SPREAD_POINTS * POINT


class ExecutionScene(Scene):
    """An approved entry, a broker that fills whatever reaches it, and one position there."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, (ExecutionAgent,), NOON_NS)
        self.sent: list[SendOrder] = []
        self._asked = 0
        self._latest = Side.BUY, 1
        self.say(a_spec(_ENTERED), a_quote(_ENTERED), a_state())
        self.settle()

    def answer(self, request: Request) -> Reply | None:
        """Show the account with a long position that somebody opened by hand, or fill a send."""
        match request:
            case ReadBroker():
                return _reading(request, self.now_ns)
            case SendOrder():
                self.sent.append(request)
                return _filled(request, len(self.sent))
            case _:
                return None

    def approve(self, side: Side, *, attempt: int = 1, is_approved: bool = True) -> Answer:
        """Let an entry be wanted and approved; return whether it was sent."""
        self._asked += 1
        intent_id = f"proof-{self._asked}"
        self._latest = side, attempt
        self.say(
            an_intent(
                _ENTERED, NOON_NS, intent_id, side=side, attempt=attempt, reference_price=_ASK
            )
        )
        if is_approved:
            self.say(
                RiskApproved(
                    scope=_ENTERED,
                    intent_id=intent_id,
                    side=side,
                    lots=LOTS,
                    risk_frac=0.002,
                    risk_account=20.0,
                )
            )
        self.settle()
        return Answer(f"{side} {_ENTERED} {LOTS} lots", self._reason(intent_id))

    def _reason(self, intent_id: str) -> str:
        if any(order.intent_id == intent_id for order in self.sent):
            return ""
        for fact in self.facts(OrderOutcome):
            if isinstance(fact, OrderOutcome) and fact.intent_id == intent_id:
                return fact.reason if fact.outcome is Outcome.NOT_SENT else fact.outcome.value
        return "nothing was said"

    def ask_again(self) -> Answer:
        """Let the same be approved once more."""
        side, attempt = self._latest
        return self.approve(side, attempt=attempt)


def _reading(request: ReadBroker, now_ns: int) -> BrokerRead:
    return BrokerRead(
        request=request,
        read_ns=now_ns,
        account=BrokerAccount(
            login=1,
            server="proof",
            currency="USD",
            trade_mode=0,
            margin_mode=_HEDGING,
            balance=EQUITY,
            equity=EQUITY,
            margin=0.0,
            margin_free=EQUITY,
            leverage=30,
        ),
        deposits=EQUITY,
        positions=(
            BrokerPosition(
                ticket=1,
                symbol=_ENTERED,
                side=Side.BUY,
                lots=LOTS,
                open_price=_ASK,
                stop_price=BID - 200.0 * POINT,
                target_price=0.0,
                opened_ns=NOON_NS - 1,
                magic=0,
                comment="",
                profit=0.0,
                swap=0.0,
            ),
        ),
        orders=(),
        deals=(),
    )


def _filled(request: SendOrder, place: int) -> SendAnswered:
    return SendAnswered(
        request=request,
        has_result=True,
        code=_DONE,
        comment="",
        lots=request.lots,
        price=_ASK,
        order_ticket=place,
        deal_ticket=place,
    )


def _away(scene: ExecutionScene, points: int) -> Answer:
    """Ask a second time, at a price so far from that of the first attempt."""
    scene.approve(Side.BUY, is_approved=False)
    scene.say(a_quote(_ENTERED, SPREAD_POINTS + points))
    return scene.approve(Side.BUY, attempt=2)


CASES: Final = (
    Case(
        limit="agents.execution.hedging_allowed",
        scenario="false: an entry on the side of a position that is open, then against it",
        reason="hedge_prohibited",
        inside=lambda scene, _: scene.approve(Side.BUY),
        beyond=lambda scene, _: scene.approve(Side.SELL),
        stage=ExecutionScene,
        changes={"agents.execution.hedging_allowed": False},
        is_off=True,
    ),
    Case(
        limit="agents.execution.deviation_points",
        scenario="a second attempt, a point further from the first one's price than allowed",
        reason="deviation",
        inside=_away,
        beyond=lambda scene, limit: _away(scene, limit + 1),
        stage=ExecutionScene,
    ),
)
