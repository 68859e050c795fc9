"""The watch over an agent's process: what it says, when it gives up, and how a person ends that."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from blackboard.errors import BoardUnavailable
from blackboard.facts import AgentHealth
from blackboard.facts.control import Health
from config.system import ClusterSection
from runtime.agent_watch import AgentView, AgentWatch, off

RESTARTS_MAX = 2


class Process:
    """An agent's actor, as far as its watch asks it."""

    def __init__(self, *pids: int, loop_age_s: float = 0.0) -> None:
        self._pids = list(pids)
        self._loop_age_s = loop_age_s
        self.health = SimpleNamespace(remote=self._report)

    async def _report(self) -> dict[str, Any]:
        pid = self._pids.pop(0) if len(self._pids) > 1 else self._pids[0]
        return {
            "pid": pid,
            "faults": 0,
            "loop_age_s": self._loop_age_s,
            "has_ended": False,
            "fault": "",
            "node": "",
        }


class Watched:
    """One agent, its watch, and what was said of it."""

    def __init__(self, view: AgentView, monkeypatch: pytest.MonkeyPatch) -> None:
        self.view = view
        self.told: list[tuple[Health, str]] = []
        self.ended: list[Any] = []
        section = ClusterSection(restarts_max=RESTARTS_MAX)
        self.is_board_away = False
        self._watch = AgentWatch(section, self._tell, is_virtual=False)
        monkeypatch.setattr(
            "runtime.agent_watch.ray.kill", lambda handle, **_: self.ended.append(handle)
        )

    def board_waits(self, reason: str) -> None:
        """Say why the board waits for its journal, or that it does not."""
        self._watch.board_waits = reason

    def look(self, times: int = 1) -> None:
        """Look at it so often."""
        for _ in range(times):
            asyncio.run(self._watch.look(self.view))

    async def _tell(self, fact: AgentHealth) -> None:
        if self.is_board_away:
            raise BoardUnavailable("the board does not answer")
        self.told.append((fact.health, fact.mode))


def test_who_is_off_is_told_once_and_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board hears that nobody need wait for it, and nothing is wrong."""
    watched = Watched(off("sentiment", "false"), monkeypatch)
    watched.look(3)

    assert watched.told == [(Health.OFF, "false")]


def test_quarantine_ends_with_a_new_process_and_a_fresh_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Out of restarts it stays down whatever comes; begun anew by a person it is watched again."""
    dying = Process(*range(1, RESTARTS_MAX + 3))
    watched = Watched(AgentView(name="portfolio", mode="true", handle=dying), monkeypatch)
    watched.look(RESTARTS_MAX + 5)
    assert watched.told[-1] == (Health.QUARANTINED, "true")
    assert watched.ended == [dying]

    watched.view = watched.view.anew("true", Process(99))
    watched.look(2)

    assert watched.told[-1] == (Health.HEALTHY, "true")
    assert watched.view.pid == 99
    assert watched.view.restarts == RESTARTS_MAX + 1


def test_same_process_in_another_mode_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mode is a fact: off, and later on, even where its health has not changed."""
    watched = Watched(AgentView(name="sentiment", mode="true", handle=Process(1)), monkeypatch)
    watched.look()
    watched.view = watched.view.anew("shadow", Process(2))
    watched.look()
    watched.view = watched.view.anew("false", None)
    watched.look()

    assert watched.told == [
        (Health.HEALTHY, "true"),
        (Health.HEALTHY, "shadow"),
        (Health.OFF, "false"),
    ]


def test_the_log_has_a_change_once_however_long_the_board_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the board cannot be told is tried at each look, and is no news to the log."""
    watched = Watched(AgentView(name="risk", mode="true", handle=Process(1, 2)), monkeypatch)
    watched.look()
    watched.is_board_away = True
    with capture_logs() as lines:
        watched.look(5)
    watched.is_board_away = False
    watched.look()

    assert [(line["event"], line["restarts"]) for line in lines] == [("agent_health_changed", 1)]
    assert len(watched.told) == 2


def test_nobody_is_stuck_while_the_board_waits_for_its_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent that waits with the board is left alone; with a board that answers it is ended."""
    waiting = Process(7, loop_age_s=ClusterSection().loop_age_max_s + 1.0)
    watched = Watched(AgentView(name="risk", mode="true", handle=waiting), monkeypatch)
    watched.board_waits("Redis does not answer")
    watched.look(3)
    assert (watched.ended, watched.view.health) == ([], Health.HEALTHY)

    watched.board_waits("")
    watched.look()
    assert (watched.ended, watched.view.health) == ([waiting], Health.DOWN)
