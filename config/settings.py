"""The root of all settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from blackboard.facts.market import Timeframe
from config.agents import AgentsSection, Mode
from config.section import FROM_TEXT, Section
from config.system import (
    BoardSection,
    ClusterSection,
    LogSection,
    MarketSection,
    TerminalSection,
    TradingSection,
)


class Settings(Section):
    """Everything an operator can set. Secrets stand apart, in `config.secrets`."""

    profile: Literal["sim", "paper", "live"] = "sim"
    """Whose money and prices: simulated, real prices with simulated money, or real."""
    book: str = Field("embedded", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """Name of the account's journal under books/; a later start continues it."""
    home: Path = Path("var")
    """Where state lives; also QUORUM_HOME."""
    symbols: Annotated[tuple[str, ...], FROM_TEXT] = (
        "EURUSD",
        "GBPUSD",
        "USDJPY",
        "AUDUSD",
        "USDCAD",
        "EURGBP",
        "EURJPY",
    )
    """Canonical names of the symbols to trade."""
    timeframe: Timeframe = Timeframe.M15
    """Timeframe of decisions; a round is one close of it."""
    anchor_weeks: int = Field(4, ge=1, le=52)
    """Weeks of history before the current week in every window."""
    speed: float = Field(60.0, gt=0.0, le=100_000.0)
    """Market seconds in one real second, on a simulated market; a real one has 1."""
    trading: TradingSection = TradingSection()
    market: MarketSection = MarketSection()
    terminal: TerminalSection = TerminalSection()
    board: BoardSection = BoardSection()
    cluster: ClusterSection = ClusterSection()
    log: LogSection = LogSection()
    agents: AgentsSection = AgentsSection()

    def mode(self, agent: str) -> Mode:
        """Return the mode of an agent by its name."""
        section = getattr(self.agents, agent)
        mode: Mode = section.enabled
        return mode

    @model_validator(mode="after")
    def _related(self) -> "Settings":
        problems = [*_contradictions(self)]
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _contradictions(settings: Settings) -> Iterator[str]:
    """Yield what is wrong between settings that are right by themselves."""
    risk, execution, data = settings.agents.risk, settings.agents.execution, settings.agents.data
    if not risk.risk_frac_min <= settings.trading.risk_frac <= risk.risk_frac_max:
        yield (
            f"trading.risk_frac must be in [{risk.risk_frac_min}, {risk.risk_frac_max}] "
            f"(agents.risk), was {settings.trading.risk_frac}"
        )
    if risk.drawdown_halted <= risk.drawdown_reducing:
        yield (
            f"agents.risk.drawdown_halted must be above drawdown_reducing "
            f"({risk.drawdown_reducing}), was {risk.drawdown_halted}"
        )
    if data.enabled is not Mode.ENABLED:
        yield (
            f"agents.data.enabled must be true, was {data.enabled}: without prices no order is safe"
        )
    if execution.enabled is Mode.ENABLED and risk.enabled is not Mode.ENABLED:
        yield (
            f"agents.risk.enabled must be true while execution runs, was {risk.enabled}: "
            "without limits no order is safe"
        )
    elif risk.enabled is Mode.SHADOW:
        yield "agents.risk.enabled must be true or false, was shadow"
    if len(set(settings.symbols)) != len(settings.symbols) or not settings.symbols:
        yield f"symbols must be distinct and at least one, was {settings.symbols}"
    # A marker that says SIMULATED over a real account, or LIVE over a simulated one, misleads.
    if settings.terminal.kind == "metatrader" and settings.profile == "sim":
        yield "profile must be paper or live with terminal.kind metatrader, was sim"
    if settings.terminal.kind == "simulated" and settings.profile == "live":
        yield "profile must be sim or paper with terminal.kind simulated, was live"
