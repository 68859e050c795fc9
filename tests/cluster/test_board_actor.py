"""The board's contract, kept by the Ray actor through `kill -9`."""

import asyncio
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blackboard.board import BoardLimits
from blackboard.entry import Ack, Post, Stored
from blackboard.reading import Filter, Joined
from blackboard.snapshot import standing_snapshot
from runtime.clock import start_clock
from runtime.journals.diskcache import DiskcacheJournal
from runtime.ray_session import set_ray_environment
from tests.contract.test_board_contract import (
    ACCESS,
    a_post,
    a_quote,
    test_a_filter_passes_over_entries_but_not_over_the_cursor,
    test_a_lagging_reader_is_served_from_the_journal,
    test_a_post_that_breaks_a_rule_stores_nothing,
    test_a_slot_is_filled_once,
    test_an_older_instance_cannot_post,
    test_order_is_gapless_over_restarts,
)

__all__ = [
    "test_a_filter_passes_over_entries_but_not_over_the_cursor",
    "test_a_lagging_reader_is_served_from_the_journal",
    "test_a_post_that_breaks_a_rule_stores_nothing",
    "test_a_slot_is_filled_once",
    "test_an_older_instance_cannot_post",
    "test_order_is_gapless_over_restarts",
]
pytestmark = [
    pytest.mark.cluster,
    # Ray announces changes of its own defaults, and leaves its log files to the interpreter.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start one Ray for the module, without dashboard and token."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    set_ray_environment()
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            address="local",
            namespace="quorum-test",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100 << 20,
        )
    yield ray
    ray.shutdown()


class ActorBoard:
    """The board actor, called like a board in the same process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        from runtime.board_client import BoardClient

        self._loop = loop
        self._client = BoardClient(60.0, name)

    @property
    def head(self) -> int:
        """Seq of the newest entry."""
        return self._loop.run_until_complete(self._client.pulse()).head

    def join(self, author: str) -> Joined:
        """Join."""
        return self._loop.run_until_complete(self._client.join(author))

    def post(self, post: Post, known_at_ns: int) -> tuple[Ack, ...]:
        """Post; the actor's own clock says when it knew."""
        del known_at_ns
        return self._loop.run_until_complete(self._client.post(post))

    async def close(self) -> None:
        """End the connection."""
        self._client.close()

    def rest(self) -> None:
        """Do what an ordered stop begins with."""
        import ray

        ray.get(ray.get_actor(self._client._name).rest.remote())

    def read(
        self, after: int, wanted: Filter | None = None, limit: int | None = None
    ) -> tuple[int, list[Stored]]:
        """Read."""
        answer = self._loop.run_until_complete(
            self._client.read(after, wanted or Filter(), limit or 1000)
        )
        return answer.read_to, [Stored(entry, msgspec.Raw(b"")) for entry in answer.entries]


@pytest.fixture
def open_board(
    cluster: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], ActorBoard]]:
    """Open the board under test; every further call comes after a `kill -9` of its process."""
    from runtime.board_actor import Blackboard
    from runtime.board_plan import BoardPlan

    plan = BoardPlan(
        folder=str(tmp_path / "journal"),
        declarations=ACCESS.declarations,
        order=("data", "supervisor"),
        limits=BoardLimits(tail_entries_max=4, snapshot_entries=3),
        bytes_max=1 << 30,
        clock=start_clock(1000, 1e-6),
        is_virtual=False,
        start_ns=0,
        end_ns=0,
        is_paced=False,
        log_folder=str(tmp_path / "logs"),
        log="{}",
        profile="sim",
    )
    name = f"blackboard-{abs(hash(request.node.nodeid))}"
    actor = cluster.remote(num_cpus=0, max_restarts=-1, concurrency_groups={"ctl": 1})(Blackboard)
    handle = actor.options(name=name).remote(msgspec.msgpack.encode(plan))
    loop = asyncio.new_event_loop()
    opened: list[ActorBoard] = []

    def open_again() -> ActorBoard:
        if opened:
            os.kill(int(cluster.get(handle.health.remote())["pid"]), signal.SIGKILL)
        opened.append(ActorBoard(loop, name))
        return opened[-1]

    yield open_again
    for board in opened:
        loop.run_until_complete(board.close())
    cluster.kill(handle, no_restart=True)
    loop.close()


def test_an_ordered_stop_leaves_the_next_start_a_snapshot(
    open_board: Callable[[], ActorBoard], tmp_path: Path
) -> None:
    """After `rest` and `kill -9` a board goes on from its snapshot and knows what was said."""
    board = open_board()
    board.join("data")
    for ts_ns in (1, 2):
        board.post(a_post(a_quote(ts_ns)), 1000)

    board.rest()
    board = open_board()

    assert board.head == 2
    epoch = board.join("data").epoch
    assert board.post(a_post(a_quote(1), epoch=epoch), 1000) == (Ack(1, False),)
    snapshot = standing_snapshot(DiskcacheJournal(tmp_path / "journal"))
    assert snapshot is not None
    assert snapshot.head == 2
