"""The driver of a run in one process: the same plan, mailbox, view and status as on Ray."""

import os
from contextlib import suppress

import msgspec

from blackboard.access import DRIVER, Access
from blackboard.board import Board
from blackboard.entry import Post
from blackboard.facts.control import Health
from blackboard.journal import Durability
from blackboard.reading import Filter
from config.agent import Mode
from runtime.board_settings import board_journal, board_limits
from runtime.clock import process_s, sleep_s, wall_ns
from runtime.council import ORDER, agent_order, class_name, declarations, load_agent
from runtime.driver import (
    MARKERS,
    Display,
    Ending,
    Notify,
    StopFlag,
    post_rate,
    show,
    tell_status,
    to_nobody,
)
from runtime.inprocess import InProcessHost, Pace
from runtime.letter_carrier import operator_draft
from runtime.mailbox import Letter, take
from runtime.picture import Picture
from runtime.run_plan import RunPlan
from runtime.status import AgentLine, Status
from runtime.world import World

_LOOK_EVERY_S = 0.25
_TELL_EVERY_S = 1.0


class InProcessDriver:
    """Drives one run without Ray."""

    def __init__(
        self,
        plan: RunPlan,
        world: World,
        display: Display,
        duration_s: float = 0.0,
        notify: Notify = to_nobody,
    ) -> None:
        self.plan = plan
        self._notify = notify
        self.display = display
        self.picture = Picture(now_ns=plan.start_ns)
        self.stop = StopFlag()
        settings = plan.settings
        self._settings = settings
        self._journal = board_journal(plan.book.journal, settings.board)
        self._board = Board(
            Access(declarations(settings)),
            self._journal,
            durability=Durability.SAFE if plan.is_paced else Durability.UNSYNCED,
            limits=board_limits(settings.board),
        )
        self._host = InProcessHost(
            self._board,
            {name: load_agent(name, settings) for name in agent_order(settings)},
            world,
            start_ns=plan.start_ns,
            end_ns=plan.end_ns,
            pace=self._pace,
        )
        self._epoch = self._board.join(DRIVER).epoch
        self._cursor = 0
        self._letters = 0
        self._looked_s = self._told_s = float("-inf")
        self._ends_at_s = process_s() + duration_s if duration_s else float("inf")
        self._started_wall_ns = wall_ns()
        self._pulses: dict[str, tuple[float, int, float]] = {}

    def run(self) -> Ending:
        """Run until the market's time is over or somebody asks to stop."""
        try:
            with self.stop.on_signals():
                self._host.run()
            self._look(process_s())
            self._tell(process_s(), has_ended=True)
            with suppress(OSError):  # the next start reads more, nothing is lost
                self._board.rest()
        finally:
            self._journal.close()
        return Ending.ASKED if self.stop.is_set else Ending.FINISHED

    def _pace(self, jump_ns: int) -> Pace:
        while True:
            now_s = process_s()
            if now_s - self._looked_s >= _LOOK_EVERY_S:
                self._looked_s = now_s
                if self._look(now_s):
                    return Pace.SETTLE
            if self.stop.is_set:
                return Pace.STOP
            wait_s = self.plan.clock.wait_s(jump_ns) if self.plan.is_paced else 0.0
            if wait_s <= 0.0:
                return Pace.JUMP
            sleep_s(min(wait_s, _LOOK_EVERY_S))

    def _look(self, now_s: float) -> bool:
        """Follow the facts and take the letters; return whether the board was handed something."""
        self._cursor, stored = self._board.read(self._cursor, Filter(kinds=self.display.kinds))
        for item in stored:
            show(item.entry, self.plan, self.picture, self.display, self._notify)
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._tell(now_s)
        letters = take(self.plan.book.mailbox)
        for letter in letters:
            self._obey(letter)
        if now_s > self._ends_at_s:
            self.stop.set()
        return any(not letter.is_stop for letter in letters)

    def _obey(self, letter: Letter) -> None:
        if letter.is_stop:
            self.stop.set()
            return
        self._letters += 1
        now_ns = self._board.now_ns
        draft = operator_draft(letter, f"{wall_ns()}.{self._letters}", now_ns)
        self._host.supersteps.inject(
            Post(author=DRIVER, epoch=self._epoch, drafts=(draft,), read_to=0, now_ns=now_ns)
        )

    def _tell(self, now_s: float, *, has_ended: bool = False) -> None:
        self._told_s = now_s
        self.picture.now_ns = max(self.picture.now_ns, self._board.now_ns)
        status = msgspec.structs.replace(self._status(), has_ended=has_ended)
        tell_status(self.plan.book.state, status)
        self.display.update(self.picture, status)

    def _status(self) -> Status:
        return Status(
            pid=os.getpid(),
            book=self.plan.book.name,
            marker=MARKERS[self._settings.profile],
            started_wall_ns=self._started_wall_ns,
            written_wall_ns=wall_ns(),
            now_ns=self._board.now_ns,
            host="in-process",
            ray_address="",
            dashboard_url="",
            console_url=self.display.url,
            terminal_url="",
            terminal_pid=0,
            board_pid=os.getpid(),
            head=self._board.head,
            supersteps=self._host.supersteps.count,
            agents=[self._agent_line(name) for name in ORDER],
        )

    def _agent_line(self, name: str) -> AgentLine:
        pulse = self._board.pulses.get(name)
        age_s, rate = post_rate(self._pulses, name, pulse)
        mode = self._settings.mode(name)
        return AgentLine(
            name=name,
            class_name=class_name(name),
            mode=mode.value,
            health=(Health.OFF if mode is Mode.DISABLED else Health.HEALTHY).value,
            pid=os.getpid(),
            restarts=0,
            reason="",
            last_fact_age_s=age_s,
            posts_per_s=rate,
            posts_refused=pulse.refused if pulse else 0,
        )
