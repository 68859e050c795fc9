"""Plays every case of every limit in the schema and says which of them hold.

The list of limits is the schema's. A limit fails that has no case, that no rule reads while its
case is played, that refuses what is within it, that lets pass what is beyond, or whose refusal a
restart forgets.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import msgspec

from config.limits import LimitSetting, limit_settings
from config.section import Section
from config.settings import Settings
from runtime.proof.safety import (
    aftermath_cases,
    board_cases,
    control_cases,
    decision_cases,
    execution_cases,
    feed_cases,
    gate_cases,
    guard_cases,
    loss_cases,
    market_cases,
    news_cases,
    size_cases,
)
from runtime.proof.safety.case import Case, Story
from runtime.proof.safety.entry_scene import SYMBOLS, WIDEST
from runtime.proof.safety.scene import Answer

CASES: Final[tuple[Case, ...]] = (
    *size_cases.CASES,
    *market_cases.CASES,
    *loss_cases.CASES,
    *control_cases.CASES,
    *decision_cases.CASES,
    *news_cases.CASES,
    *aftermath_cases.CASES,
    *feed_cases.CASES,
    *board_cases.CASES,
    *execution_cases.CASES,
)

GUARDS: Final[tuple[Case, ...]] = (*guard_cases.CASES, *gate_cases.CASES)
"""Rules that no setting moves."""

_RISK: Final = "agents.risk."
_PROOF: Final = __name__.rpartition(".")[0]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one case showed of one limit."""

    limit: str
    value: str
    """As configured, or as the scenario sets it where the configured value switches it off."""
    is_off: bool
    """Whether the configured value switches the limit off."""
    scenario: str
    passed_order: str
    refused_order: str
    reason: str
    problem: str
    """What is not as it must be, empty if the limit holds."""


def prove(settings: Settings, cases: Iterable[Case] = CASES) -> list[Finding]:
    """Play the cases of every limit of the schema, in its order, around configured values."""
    by_limit: dict[str, list[Case]] = {}
    for case in cases:
        by_limit.setdefault(case.limit, []).append(case)
    known = list(limit_settings())
    found = [
        finding
        for limit in known
        for finding in _findings(settings, limit, by_limit.pop(limit.key, []))
    ]
    return [*found, *(_without_limit(case) for rest in by_limit.values() for case in rest)]


def prove_guards(settings: Settings, cases: Iterable[Case] = GUARDS) -> list[Finding]:
    """Play the cases of the rules that no setting moves."""
    return [_play_guard(settings, case) for case in cases]


def _play_guard(settings: Settings, case: Case) -> Finding:
    scene_settings = _settings_of(settings, case, is_off=False)
    inside, _ = _tell(case.inside, case, scene_settings, None)
    beyond, after_restart = _tell(case.beyond, case, scene_settings, None)
    return _finding(
        case.limit,
        "",
        case.scenario,
        passed_order=inside.order,
        refused_order=beyond.order,
        reason=beyond.reason,
        problem=_problem(case, inside, beyond, after_restart, is_read=True),
    )


def _findings(settings: Settings, limit: LimitSetting, cases: Sequence[Case]) -> Iterator[Finding]:
    if not cases:
        value = _value_of(settings, limit.key)
        yield _finding(limit.key, value, "", problem="no case shows that anything reads it")
    for case in cases:
        yield _play(settings, limit, case)


def _without_limit(case: Case) -> Finding:
    return _finding(case.limit, "", case.scenario, problem="the schema has no such limit")


def _finding(limit: str, value: object, scenario: str, **changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "is_off": False,
        "passed_order": "",
        "refused_order": "",
        "reason": "",
        "problem": "",
    }
    return Finding(limit=limit, value=str(value), scenario=scenario, **(fields | changes))


def _play(settings: Settings, limit: LimitSetting, case: Case) -> Finding:
    is_off = case.is_off is not None and _value_of(settings, limit.key) == case.is_off
    scene_settings = _settings_of(settings, case, is_off=is_off)
    value = _value_of(scene_settings, limit.key)
    with _reads_of(limit) as reads:
        inside, _ = _tell(case.inside, case, scene_settings, value)
        beyond, after_restart = _tell(case.beyond, case, scene_settings, value)
    return _finding(
        limit.key,
        value,
        case.scenario,
        is_off=is_off,
        passed_order=inside.order,
        refused_order=beyond.order,
        reason=beyond.reason,
        problem=_problem(case, inside, beyond, after_restart, is_read=bool(reads)),
    )


def _tell(
    story: Story, case: Case, settings: Settings, value: object
) -> tuple[Answer, Answer | None]:
    with closing(case.stage(settings)) as stage:
        answer = story(stage, value)
        if not (case.survives and answer.reason):
            return answer, None
        stage.restart()
        return answer, stage.ask_again()


def _problem(
    case: Case, inside: Answer, beyond: Answer, after_restart: Answer | None, *, is_read: bool
) -> str:
    if not is_read:
        return "nothing reads it"
    if inside.reason:
        return f"within it {inside.order} is refused by {inside.reason}"
    if not beyond.reason:
        return f"beyond it {beyond.order} passes"
    if beyond.reason != case.reason:
        return f"beyond it {beyond.order} is refused by {beyond.reason}, not by {case.reason}"
    if after_restart is not None and after_restart.reason != case.reason:
        became = after_restart.reason or "a permission"
        return f"after a restart its refusal becomes {became}"
    return ""


def _settings_of(settings: Settings, case: Case, *, is_off: bool) -> Settings:
    """Return the configured settings, other limits on entries at their widest."""
    name = case.limit.removeprefix(_RISK)
    kept = {name, *case.keeps}
    values = settings.model_dump()
    values["symbols"] = SYMBOLS
    # The smallest entry there is fits below any limit that can be configured at all.
    _set(values, "trading.risk_frac", settings.agents.risk.risk_frac_min)
    for other, widest in WIDEST.items():
        if other not in kept:
            _set(values, f"{_RISK}{other}", widest)
    for key, change in case.changes.items():
        if key != case.limit or is_off or case.is_off is None:
            is_reference = isinstance(change, str) and change.startswith(_RISK)
            _set(values, key, _value_of(settings, str(change)) if is_reference else change)
    return Settings.model_validate(values)


def _set(values: dict[str, Any], key: str, value: object) -> None:
    *path, name = key.split(".")
    for section in path:
        values = values[section]
    values[name] = value


def _value_of(settings: Settings, key: str) -> object:
    value: object = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


@contextmanager
def _reads_of(limit: LimitSetting) -> Iterator[list[str]]:
    """Note in the list who reads a limit's value from its section, the proof itself aside."""
    reads: list[str] = []
    plain = Section.__getattribute__

    def noted(self: Section, name: str) -> Any:
        if name == limit.name and type(self) is limit.section:
            reader = sys._getframe(1).f_globals["__name__"]
            if not reader.startswith(_PROOF):
                reads.append(reader)
        return plain(self, name)

    Section.__getattribute__ = noted  # type: ignore[method-assign, assignment]
    try:
        yield reads
    finally:
        Section.__getattribute__ = plain  # type: ignore[method-assign]


def summary(findings: Sequence[Finding]) -> Mapping[str, int]:
    """Return how many limits, or guards, there are, hold, and are switched off."""
    limits = {finding.limit for finding in findings}
    failed = {finding.limit for finding in findings if finding.problem}
    off = {finding.limit for finding in findings if finding.is_off}
    return {"limits": len(limits), "hold": len(limits - failed), "switched_off": len(off)}
