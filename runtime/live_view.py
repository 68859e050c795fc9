"""The terminal view of a running system: agents, votes, decisions, positions, money."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from blackboard.facts import Vote
from blackboard.facts.control import TradingState
from runtime.picture import Picture, clock_text
from runtime.process_load import Load
from runtime.status import AgentLine, Status

_STATE_STYLE = {
    TradingState.ACTIVE: "bold green",
    TradingState.SAFE: "bold yellow",
    TradingState.REDUCING: "bold dark_orange",
    TradingState.HALTED: "bold red",
}
_HEALTH_STYLE = {"healthy": "green", "degraded": "yellow", "down": "red", "quarantined": "bold red"}
_EVENTS_SHOWN = 8


def render(
    picture: Picture, status: Status, loads: Mapping[int, Load] | None = None
) -> RenderableType:
    """Return the whole view; with loads, by process id, what each agent's process takes."""
    columns = Table.grid(expand=True, padding=(0, 1))
    columns.add_column(ratio=5)
    columns.add_column(ratio=7)
    columns.add_row(_agents(status.agents, loads), _symbols(picture))
    return Group(_head(picture, status), columns, _positions(picture), _events(picture))


def _head(picture: Picture, status: Status) -> Panel:
    state = picture.state.state if picture.state else None
    account = picture.account
    text = Text()
    text.append(f" {status.marker} ", style="black on yellow")
    text.append(f"  {clock_text(status.now_ns)} UTC   ")
    text.append(state.value if state else "STARTING", style=_STATE_STYLE[state] if state else "dim")
    if account is not None:
        text.append(f"   equity {account.equity:,.2f} {account.currency}", style="bold")
        text.append(f"   balance {account.balance:,.2f}")
    if picture.mark is not None:
        text.append(f"   drawdown {picture.mark.drawdown_frac:.2%}")
    if picture.exposure is not None:
        text.append(f"   heat {picture.exposure.heat_frac:.2%}")
    text.append(f"   trades {picture.trades}  P&L {picture.pnl:+,.2f}")
    return Panel(text, title="Quorum", subtitle=status.book, border_style="cyan")


def _agents(agents: list[AgentLine], loads: Mapping[int, Load] | None) -> Panel:
    table = Table(expand=True, box=None, pad_edge=False)
    heads = ["agent", "state", "last fact", "posts/s"]
    heads += ["refused", "restarts"] if loads is None else ["cpu", "MB", "restarts"]
    for name in heads:
        table.add_column(name, justify="left" if name in {"agent", "state"} else "right")
    for agent in agents:
        shown = "shadow" if agent.mode == "shadow" and agent.health == "healthy" else agent.health
        age = "–" if agent.last_fact_age_s < 0.0 else f"{agent.last_fact_age_s:.0f} s"
        taken = (str(agent.posts_refused),) if loads is None else _load(loads.get(agent.pid))
        table.add_row(
            agent.name,
            Text(shown, style=_HEALTH_STYLE.get(agent.health, "dim")),
            age,
            f"{agent.posts_per_s:.1f}",
            *taken,
            str(agent.restarts),
        )
    return Panel(table, title="council", border_style="dim")


def _load(load: Load | None) -> tuple[str, str]:
    if load is None:
        return "–", "–"
    return f"{load.cpu_frac:.0%}", f"{load.memory_bytes / 1e6:.0f}"


def _symbols(picture: Picture) -> Panel:
    voters = sorted({voter for votes in picture.votes.values() for voter in votes})
    table = Table(expand=True, box=None, pad_edge=False)
    table.add_column("symbol")
    for voter in voters:
        table.add_column(voter.removeprefix("technical."), justify="right")
    table.add_column("p", justify="right")
    table.add_column("decision")
    for symbol in sorted(picture.votes):
        decision = picture.decisions.get(symbol)
        table.add_row(
            symbol,
            *(_vote(picture.votes[symbol].get(voter)) for voter in voters),
            f"{decision.probability_up:.3f}" if decision else "",
            f"{decision.action} {decision.blocked_by}".strip() if decision else "",
        )
    return Panel(table, title="latest votes (chance of up first)", border_style="dim")


def _vote(vote: Vote | None) -> Text:
    if vote is None:
        return Text("")
    if vote.abstains:
        return Text("abstains", style="dim")
    style = "green" if vote.probability_up > 0.5 else "red"
    return Text(f"{vote.probability_up:.3f}", style=style)


def _positions(picture: Picture) -> Panel:
    table = Table(expand=True, box=None, pad_edge=False)
    for name in ("ticket", "symbol", "side", "lots", "open", "stop", "target", "since"):
        table.add_column(name)
    for position in picture.positions.values():
        table.add_row(
            str(position.ticket),
            position.scope,
            position.side.value,
            f"{position.lots:.2f}",
            f"{position.open_price:g}",
            f"{position.stop_price:g}",
            f"{position.target_price:g}",
            clock_text(position.opened_ns),
        )
    return Panel(table, title="positions", border_style="dim")


def _events(picture: Picture) -> Panel:
    lines = list(picture.events)[-_EVENTS_SHOWN:]
    return Panel(Text("\n".join(lines)), title="latest", border_style="dim")
