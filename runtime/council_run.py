"""One run of the council in this process, at full speed, in a folder of its own."""

from collections.abc import Callable

from models.market.sessions import DAY_NS
from runtime.driver import Display
from runtime.inprocess_driver import InProcessDriver
from runtime.log_setup import set_up_logs
from runtime.picture import Picture
from runtime.preparation import Start, StartOptions, manifest_of
from runtime.status import Status
from runtime.terminal_world import direct_world

Advance = Callable[[float, str], None]
"""Takes how much is done in all, and a word about it."""


class _Progress(Display):
    """Tells how many days of the market are over."""

    def __init__(self, start_ns: int, advance: Advance) -> None:
        self._start_ns = start_ns
        self._advance = advance

    def update(self, picture: Picture, status: Status) -> None:
        """Show the present."""
        days = (status.now_ns - self._start_ns) / DAY_NS
        money = f"{picture.trades} trades, {picture.pnl:+,.2f}" if picture.decided else "opinions"
        self._advance(round(days, 1), money)


def run_council(start: Start, options: StartOptions, advance: Advance) -> None:
    """Run the agents of a prepared start to its end."""
    plan = start.plan
    with plan.book.held():
        plan.book.write_manifest(manifest_of(plan, options, start.data))
        plan.write()
        set_up_logs("driver", plan.book.logs, plan.settings.log, profile=plan.settings.profile)
        world = direct_world(plan)
        try:
            InProcessDriver(plan, world, _Progress(plan.start_ns, advance)).run()
        finally:
            world.close()
