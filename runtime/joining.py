"""Before a cluster is joined: it must answer, know our token, and answer nobody without one.

Ray runs code for whoever reaches it. A cluster that was started without token authentication lets
everybody in, ours included, and one with another token lets a client hang. Both are found out by
two calls that do nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

from blackboard.errors import ConfigError

_TIMEOUT_S: Final = 10.0
_ALIVE: Final = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""A call of Ray's control service that every node makes and that changes nothing."""


def require_guarded(address: str, token: str) -> None:
    """Refuse a cluster that anybody may command, or that does not let us in: ConfigError."""
    import grpc

    open_to_all = _answer(address, ())
    if open_to_all is None:
        raise ConfigError(
            f"the Ray cluster at {address} answers without a token, so anybody who reaches it may "
            "run code there: start every node of it with RAY_AUTH_MODE=token"
        )
    if open_to_all is not grpc.StatusCode.UNAUTHENTICATED:
        raise ConfigError(
            f"cluster.address must be that of a running Ray cluster, as host:6379, was {address}: "
            f"{open_to_all.name.lower()}"
        )
    if _answer(address, (("authorization", f"Bearer {token}"),)) is not None:
        raise ConfigError(
            f"the Ray cluster at {address} does not know this token: every node needs the same one "
            "(ray get-auth-token there)"
        )


def _answer(address: str, metadata: Sequence[tuple[str, str]]) -> Any:
    """Return the status of a call, None if it was answered."""
    import grpc

    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(_ALIVE)
        try:
            call(b"", timeout=_TIMEOUT_S, metadata=metadata)
        except grpc.RpcError as error:
            return error.code()
    return None
