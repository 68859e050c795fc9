"""The root of all settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from blackboard.facts.market import Timeframe
from config.agent import Mode
from config.agents import AgentsSection
from config.console import ConsoleSection
from config.feeds import LOOPBACK, FeedsSection
from config.section import FROM_TEXT, Section
from config.system import (
    BoardSection,
    ClusterSection,
    LogSection,
    MarketSection,
    PaperSection,
    TerminalSection,
    TradingSection,
)
from config.telegram import TelegramSection, telegram_contradictions

EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - to refuse them


AUTO_SYMBOLS: Final = ("auto",)
"""`Settings.symbols` of an operator who leaves the choice to the terminal. It is resolved before
any agent starts, so no agent ever sees it."""


def _named_folder(value: object) -> object:
    # An empty path would be the working directory, and the state would lie among other files.
    if isinstance(value, str) and not value.strip():
        raise ValueError(f"home must name a folder, was {value!r}")
    return value


class Settings(Section):
    """Everything an operator can set. Secrets stand apart, in `config.secrets`."""

    profile: Literal["sim", "paper", "live"] = "sim"
    """Whose money and prices: simulated, real prices with simulated money, or real."""
    book: str = Field("embedded", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """Name of the account's journal under books/; a later start continues it."""
    home: Annotated[Path, BeforeValidator(_named_folder)] = Path("var")
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
    """Canonical names of the symbols to trade; auto takes what the terminal offers."""
    timeframe: Timeframe = Timeframe.M15
    """Timeframe of decisions; a round is one close of it."""
    anchor_weeks: int = Field(4, ge=1, le=52)
    """Weeks of history before the current week in every window."""
    speed: float = Field(60.0, gt=0.0, le=100_000.0)
    """Market seconds in one real second, on a simulated market; a real one has 1."""
    trading: TradingSection = TradingSection()
    market: MarketSection = MarketSection()
    terminal: TerminalSection = TerminalSection()
    paper: PaperSection = PaperSection()
    feeds: FeedsSection = FeedsSection()
    board: BoardSection = BoardSection()
    cluster: ClusterSection = ClusterSection()
    log: LogSection = LogSection()
    console: ConsoleSection = ConsoleSection()
    telegram: TelegramSection = TelegramSection()
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
    if "auto" in settings.symbols and len(settings.symbols) > 1:
        yield f"symbols must be auto alone or a list of names, was {settings.symbols}"
    names = settings.terminal.symbol_names.values()
    if len(set(names)) != len(names) or not all(names):
        yield f"terminal.symbol_names must be distinct names, was {settings.terminal.symbol_names}"
    if len(set(settings.symbols)) != len(settings.symbols) or not settings.symbols:
        yield f"symbols must be distinct and at least one, was {settings.symbols}"
    yield from _board_contradictions(settings.board)
    yield from _placement_contradictions(settings)
    yield from _terminal_contradictions(settings)
    yield from _calendar_contradictions(settings)
    yield from _price_contradictions(settings)
    yield from _second_source_contradictions(settings)
    yield from _text_contradictions(settings)
    yield from telegram_contradictions(settings.telegram)


def _board_contradictions(board: BoardSection) -> Iterator[str]:
    if board.call_deadline_s < 2 * board.poll_timeout_s:  # a poll has jitter, and may linger
        yield (
            f"board.call_deadline_s must be at least twice poll_timeout_s "
            f"({board.poll_timeout_s:g}), was {board.call_deadline_s:g}: a board with nothing to "
            "tell would pass for one that is away"
        )


def _placement_contradictions(settings: Settings) -> Iterator[str]:
    placed = {"board", "training", *type(settings.agents).model_fields}
    for name in sorted(set(settings.cluster.placement) - placed):
        yield f"cluster.placement must name board, training or an agent, was {name}"
    board = settings.cluster.placement.get("board")
    if board and settings.board.journal == "diskcache":
        yield (
            "board.journal must be redis with cluster.placement.board, was diskcache: a journal in "
            "a folder is written on this machine alone"
        )


def _terminal_contradictions(settings: Settings) -> Iterator[str]:
    terminal = settings.terminal
    is_real = terminal.kind == "metatrader"
    # A marker that says SIMULATED over a real account, or LIVE over a simulated one, misleads.
    if is_real and settings.profile == "sim":
        yield "profile must be paper or live with terminal.kind metatrader, was sim"
    if not is_real and settings.profile == "live":
        yield "profile must be sim or paper with terminal.kind simulated, was live"
    if terminal.real_account != (settings.profile == "live"):
        yield (
            "terminal.real_account must be true with profile live and false with every other, "
            f"was {str(terminal.real_account).lower()} with {settings.profile}"
        )
    if is_real and settings.speed != 1.0:
        yield (
            f"speed must be 1 with terminal.kind metatrader, was {settings.speed:g}: "
            "a real market has its own clock"
        )
    if is_real and settings.market.history.path:
        yield (
            "market.history.path must be empty with terminal.kind metatrader, was "
            f"{settings.market.history.path}"
        )
    if terminal.url and not is_real:
        yield f"terminal.kind must be metatrader with terminal.url, was {terminal.kind}"
    if terminal.host in EVERY_ADDRESS:
        yield (
            f"terminal.host must be one address, was {terminal.host}: a process that listens on "
            "all of them answers whoever can reach one"
        )
    if settings.console.host in EVERY_ADDRESS:
        yield (
            f"console.host must be one address, was {settings.console.host}: a console that "
            "listens on all of them answers whoever can reach one"
        )
    if terminal.hang_deadline_s < terminal.send_timeout_s:
        yield (
            f"terminal.hang_deadline_s must be at least send_timeout_s "
            f"({terminal.send_timeout_s:g}), was {terminal.hang_deadline_s:g}: a send within its "
            "time would be cut off"
        )


def _price_contradictions(settings: Settings) -> Iterator[str]:
    terminal, second = settings.terminal, settings.agents.data.second_source
    names = terminal.conversion_sources
    if len(set(names)) != len(names):
        yield f"terminal.conversion_sources must be distinct, was {', '.join(names)}"
    asked: dict[str, tuple[str, ...]] = {"agents.data.second_source": (second,)}
    asked["terminal.conversion_sources"] = names
    for key, feeds in asked.items():
        for name in sorted(set(feeds) - {"none"}):
            url = getattr(settings.feeds, name).url
            # A stand-in on this machine may know a simulated market; a provider cannot.
            if terminal.kind == "simulated" and urlsplit(url).hostname not in LOOPBACK:
                yield (
                    f"{key} must not name {name} with terminal.kind simulated, whose market the "
                    f"network does not know, unless feeds.{name}.url is on this machine; was {url}"
                )


def _second_source_contradictions(settings: Settings) -> Iterator[str]:
    if settings.agents.data.second_source == "none":
        return
    symbols, most = len(settings.symbols), settings.feeds.twelvedata.requests_per_min_max
    if symbols > most:
        yield (
            f"feeds.twelvedata.requests_per_min_max must be at least the number of symbols "
            f"({symbols}) with agents.data.second_source twelvedata, was {most}: an outage of all "
            "of them could not be bridged at one close"
        )


def _calendar_contradictions(settings: Settings) -> Iterator[str]:
    section, terminal = settings.agents.sentiment, settings.terminal
    names, key = section.calendar_sources, "agents.sentiment.calendar_sources"
    if len(set(names)) != len(names):
        yield f"{key} must be distinct, was {', '.join(names)}"
    if not section.asks_calendars:
        return
    if terminal.kind == "simulated":
        yield (
            f"{key} must be file with terminal.kind simulated, was {', '.join(names)}: the network "
            "knows nothing of a simulated or past time"
        )
    if ("file" in names) != bool(section.calendar_file):
        yield (
            f"{key} must name file where agents.sentiment.calendar_file is set, and only there, "
            f"was {', '.join(names)} with {section.calendar_file or 'no file'}"
        )
    longest_s = settings.feeds.deadline_s * len({"fmp", "weekly_json"}.intersection(names))
    read_s = terminal.read_timeout_s * terminal.read_tries
    if longest_s > read_s:
        yield (
            f"feeds.deadline_s must leave all of {key} the time of one reading ({read_s:g} s, "
            f"terminal.read_timeout_s and read_tries), was {settings.feeds.deadline_s:g}"
        )


def _text_contradictions(settings: Settings) -> Iterator[str]:
    section, terminal = settings.agents.sentiment, settings.terminal
    names, key = section.texts.sources, "agents.sentiment.texts.sources"
    if len(set(names)) != len(names):
        yield f"{key} must be distinct, was {', '.join(names)}"
    if not section.texts.asks_network:
        return
    if terminal.kind == "simulated":
        yield (
            f"{key} must be file with terminal.kind simulated, was {', '.join(names)}: the network "
            "knows nothing of a simulated or past time"
        )
    if ("file" in names) != bool(section.headlines_file):
        yield (
            f"{key} must name file where agents.sentiment.headlines_file is set, and only there, "
            f"was {', '.join(names)} with {section.headlines_file or 'no file'}"
        )
    longest_s = settings.feeds.deadline_s + section.texts.score_time_s
    read_s = terminal.read_timeout_s * terminal.read_tries
    if longest_s > read_s:
        yield (
            "feeds.deadline_s and agents.sentiment.texts.score_time_s together must leave texts "
            f"the time of one reading ({read_s:g} s, terminal.read_timeout_s and read_tries), were "
            f"{longest_s:g}"
        )
