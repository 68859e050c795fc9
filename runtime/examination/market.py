"""The terminal, its symbols, and who reads texts."""

from collections.abc import Iterator
from typing import Final

from blackboard.errors import ConfigError, TerminalUnavailable
from config.secrets import load_secrets
from config.settings import Settings
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal

_FILLINGS: Final = {
    mt5.ORDER_FILLING_FOK: "whole or not at all",
    mt5.ORDER_FILLING_IOC: "in part",
    mt5.ORDER_FILLING_RETURN: "rest stays",
}


def market(settings: Settings) -> Iterator[Finding]:
    """Examine whether the terminal of the settings can be had."""
    from runtime.preparation import require_reachable
    from runtime.terminals.simulated.market import open_market

    if settings.terminal.kind == "metatrader":
        try:
            require_reachable(settings, load_secrets())
        except ConfigError as error:
            yield Finding(FAIL, "terminal", str(error), "see config/paper.example.yaml")
        else:
            where = settings.terminal.url or "on this machine"
            yield Finding(OK, "terminal", f"MetaTrader 5 {where}")
        return
    try:
        found = open_market(settings)
    except ConfigError as error:
        yield Finding(FAIL, "market", str(error), "correct the values named")
        return
    kind = "recorded bars" if settings.market.history.path else "synthetic market"
    yield Finding(OK, "terminal", f"simulated, {kind}, {len(found.source.traits())} symbols")
    for warning in found.notes:
        yield Finding(WARN, "market", warning)


def symbols(settings: Settings) -> Iterator[Finding]:
    """Examine which symbols can be traded, and how their orders are filled."""
    from runtime.terminals.looking import looked_at
    from runtime.terminals.symbols import discover

    try:
        with looked_at(settings) as terminal:
            discovery = discover(terminal, settings)
            fillings = list(_fillings(terminal, discovery.found))
    except (ConfigError, TerminalUnavailable) as error:
        is_real = settings.terminal.kind == "metatrader"
        mend = "see docs/operations.md" if is_real else ""
        yield Finding(FAIL if is_real else WARN, "symbols", f"not examined: {error}", mend)
        return
    named = (own if own == name else f"{own} ({name})" for own, name in discovery.found)
    verdict = OK if discovery.found else FAIL
    mend = "" if discovery.found else "name some that the account may trade"
    yield Finding(verdict, "symbols", ", ".join(named) or "none can be traded", mend)
    yield from fillings
    for name, reason in discovery.skipped:
        yield Finding(WARN, f"symbol {name}", f"skipped: {reason}")


def _fillings(terminal: Terminal, found: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    """Yield one line for the symbols of each filling, and one for each that has none."""
    from runtime.terminals.requests import UnfitRequest, filling_of

    by_filling: dict[int, list[str]] = {}
    for own, name in found:
        info = terminal.symbol_info(name)
        if info is None:
            yield Finding(WARN, f"symbol {own}", "the terminal tells nothing of it")
            continue
        try:
            by_filling.setdefault(filling_of(info, closes=False), []).append(own)
        except UnfitRequest as error:
            yield Finding(FAIL, f"symbol {own}", str(error), "leave it out of symbols")
    for filling, names in sorted(by_filling.items()):
        yield Finding(OK, "filling", f"{_FILLINGS[filling]}: {', '.join(names)}")


def scorer(settings: Settings) -> Iterator[Finding]:
    """Examine who says what texts mean."""
    from runtime.run_plan import models_folder
    from runtime.texts.scoring import TextScorers

    scorers = TextScorers(settings, models_folder(settings), is_virtual=False)
    active = scorers.active()
    name = active.scorer.name if active.scorer else active.reason
    absent = "; ".join(f"{kind}: {reason}" for kind, reason in scorers.absent())
    wanted = settings.agents.sentiment.texts.scorer
    is_other = wanted not in ("auto", scorers.kind())
    mend = "python launch.py models fetch sentiment" if absent.startswith("transformer") else ""
    detail = f"{name} scores texts{f' ({absent})' if absent else ''}"
    yield Finding(WARN if is_other or not active.scorer else OK, "text scorer", detail, mend)
