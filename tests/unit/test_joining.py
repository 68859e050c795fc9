"""A cluster is joined only where it is guarded, shared and reached; what is missing is named."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import msgspec
import pytest

from blackboard.errors import ConfigError
from config.settings import Settings
from runtime.clock import start_clock
from runtime.council import ORDER
from runtime.ground import CommonGround
from runtime.joining import require_guarded
from runtime.placement import Placement, training_options
from runtime.ray_session import start_ray
from runtime.run_plan import RunPlan
from runtime.source_hash import code_hash

TOKEN = "t" * 64
NODES = ("a" * 56, "b" * 56, "c" * 56)
MakeCluster = Callable[[str], str]


class _Control(grpc.GenericRpcHandler):  # type: ignore[misc] # it has no types
    """Ray's control service, as far as it can be asked whether it lives."""

    def __init__(self, token: str) -> None:
        self._token = token

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Answer whoever has the token, or everybody where there is none."""
        told = dict(call.invocation_metadata).get("authorization", "")

        def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
            if self._token and told != f"Bearer {self._token}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def cluster() -> Iterator[MakeCluster]:
    """Return what starts a control service with a token and gives its address."""
    servers: list[grpc.Server] = []

    def started(token: str) -> str:
        server = grpc.server(ThreadPoolExecutor(1), handlers=[_Control(token)])
        servers.append(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return f"127.0.0.1:{port}"

    yield started
    for server in servers:
        server.stop(None).wait()


def test_f39_a_cluster_with_our_token_is_joined(cluster: MakeCluster) -> None:
    """One that answers us, and nobody without a token, passes."""
    require_guarded(cluster(TOKEN), TOKEN)


def test_f39_a_cluster_that_answers_everybody_is_refused(cluster: MakeCluster) -> None:
    """Who starts Ray without tokens is told so before anything of ours runs there."""
    with pytest.raises(ConfigError, match="answers without a token"):
        require_guarded(cluster(""), TOKEN)


def test_a_cluster_with_another_token_is_refused_at_once(cluster: MakeCluster) -> None:
    """A wrong token is named, where Ray itself would hang; the token is not told."""
    with pytest.raises(ConfigError, match="does not know this token") as refusal:
        require_guarded(cluster("u" * 64), TOKEN)
    assert TOKEN not in str(refusal.value)


def test_where_nobody_answers_the_address_is_named() -> None:
    """An address at which no cluster is says so."""
    with pytest.raises(ConfigError, match=r"cluster\.address must be .* was 127\.0\.0\.1:1: unav"):
        require_guarded("127.0.0.1:1", TOKEN)


def test_joining_without_token_authentication_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RAY_AUTH_MODE must be token for a cluster of several machines, whatever a test may do."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ConfigError, match="RAY_AUTH_MODE=token, was disabled"):
        start_ray(Settings().cluster, "127.0.0.1:1", tmp_path)


@pytest.fixture
def ground(tmp_path: Path) -> CommonGround:
    """Return what a run on this machine has."""
    plan = RunPlan(
        run_id="1",
        folder=str(tmp_path),
        settings_json=Settings().model_dump_json(),
        clock=start_clock(0, 1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=0,
    )
    plan.write()
    return CommonGround(node_ip="10.0.0.5", folder=str(tmp_path), run_id="1", code_hash=code_hash())


def test_a_node_with_all_of_it_may_host_an_actor(ground: CommonGround) -> None:
    """The same folder, the same sources and a terminal that is reached are enough."""
    ground.require("10.0.0.5", "http://127.0.0.1:8100")
    ground.require("10.0.0.6", "http://10.0.0.5:8100")
    ground.require("10.0.0.6")


@pytest.mark.parametrize(
    ("changes", "terminal_url", "message"),
    [
        ({"folder": "/nowhere"}, "", "node 10.0.0.6 does not see the folder of this run, /nowhere"),
        ({"run_id": "2"}, "", "QUORUM_HOME must be one folder"),
        ({"code_hash": "0"}, "", "node 10.0.0.6 has other sources than the driver on 10.0.0.5"),
        ({}, "http://127.0.0.1:8100", "does not reach the terminal .* set terminal.host"),
        ({}, "http://[::1]:8100", "does not reach the terminal"),
    ],
)
def test_a_node_that_lacks_something_says_what(
    ground: CommonGround, changes: dict[str, str], terminal_url: str, message: str
) -> None:
    """An actor that comes up on it serves nothing, and names what is to be done."""
    with pytest.raises(ConfigError, match=message):
        msgspec.structs.replace(ground, **changes).require("10.0.0.6", terminal_url)


def test_what_is_placed_asks_for_its_resource() -> None:
    """A named part asks for its node, agents are dealt out in turn; alone on one nothing is."""
    section = Settings().cluster.model_copy(
        update={"placement": {"board": "quorum_board", "training": "quorum_research"}}
    )
    joined = Placement(section, keeps_board=False, nodes=NODES)
    alone = Placement(Settings().cluster, keeps_board=True)

    dealt = [joined.options(name)["scheduling_strategy"] for name in ORDER]
    assert joined.options("board") == {"resources": {"quorum_board": 0.001}}
    assert Counter(one.node_id for one in dealt) == dict.fromkeys(NODES, 3)
    assert all(one.soft for one in dealt)  # it comes up elsewhere when its node is dead
    assert alone.options("board") == alone.options("risk") == {}
    assert training_options(section) == {"resources": {"quorum_research": 0.001}}
    assert training_options(Settings().cluster) == {}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"cluster": {"placement": {"riks": "a"}}}, "must name board, training or an agent"),
        ({"cluster": {"placement": {"board": "a"}}}, "board.journal must be redis"),
        ({"cluster": {"address": "ray://10.0.0.5:10001"}}, "cluster.address"),
        ({"board": {"redis": {"url": "redis://:secret@10.0.0.5:6379"}}}, "board.redis.url"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    section: dict[str, object], message: str
) -> None:
    """Placements and addresses that lead nowhere, a password in an address."""
    with pytest.raises(ValueError, match=message):
        Settings.model_validate(section)
