"""Constants and structures against the published package itself, which is read and never run."""

import ast
import re
import struct
import subprocess
import sys
import zipfile

import pytest

from runtime.terminals import constants as mt5
from runtime.terminals import structures

REQUIREMENT = "MetaTrader5==5.0.*"
OURS_ALONE = {"SYMBOL_FILLING_FOK_BIT", "SYMBOL_FILLING_IOC_BIT"}
"""Names that the package does not have."""
PREFIXES = tuple(
    f"{prefix}_"
    for prefix in (
        "TIMEFRAME", "COPY_TICKS", "TICK_FLAG", "TRADE_ACTION", "ORDER_TYPE", "POSITION_TYPE",
        "ORDER_STATE", "ORDER_FILLING", "ORDER_TIME", "ORDER_REASON", "DEAL_REASON",
        "POSITION_REASON", "DEAL_TYPE", "DEAL_ENTRY", "SYMBOL_TRADE_MODE",
        "SYMBOL_TRADE_EXECUTION", "SYMBOL_SWAP_MODE", "SYMBOL_CHART_MODE", "SYMBOL_ORDERS",
        "DAY_OF_WEEK", "ACCOUNT_TRADE_MODE", "ACCOUNT_STOPOUT_MODE", "ACCOUNT_MARGIN_MODE",
        "RES_S", "RES_E", "TRADE_RETCODE",
    )
)  # fmt: skip
"""Groups that we have in full."""
STRUCTURES = (
    "AccountInfo", "TerminalInfo", "SymbolInfo", "Tick", "TradePosition", "TradeOrder", "TradeDeal",
    "TradeRequest", "OrderSendResult", "OrderCheckResult",
)  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Give the package as the registry publishes it for Windows."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--platform", "win_amd64", "--python-version", "3.11", "--dest", str(folder), REQUIREMENT,
    ]  # fmt: skip
    try:
        loaded = subprocess.run(command, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the package registry does not answer")
    if loaded.returncode:
        pytest.skip(f"the package cannot be downloaded: {loaded.stderr[-200:]!r}")
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def published(wheel: zipfile.ZipFile) -> dict[str, int]:
    """Give every number that the package's `__init__` assigns to a name."""
    module = ast.parse(wheel.read("MetaTrader5/__init__.py"))
    found = {
        node.targets[0].id: number_of(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    return {name: value for name, value in found.items() if value is not None}


def number_of(node: ast.expr) -> int | None:
    """Return the integer that an expression writes down, flags joined by a bar included."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            low, high = number_of(left), number_of(right)
            return None if low is None or high is None else low | high
        case _:
            return None


def ours() -> dict[str, int]:
    """Return our constants by name."""
    return {name: value for name, value in vars(mt5).items() if name.isupper()}


def test_every_constant_of_ours_has_the_packages_value(published: dict[str, int]) -> None:
    """Name for name, but for those that the package lacks."""
    named = {name: value for name, value in ours().items() if name not in OURS_ALONE}

    assert named == {name: published.get(name) for name in named}
    assert OURS_ALONE.isdisjoint(published)


def test_no_constant_of_our_groups_is_missing(published: dict[str, int]) -> None:
    """A code or a mode that the package knows is known here too."""
    wanted = {name for name in published if name.startswith(PREFIXES)}

    assert wanted - ours().keys() == set()
    assert 10046 not in published.values()


@pytest.mark.parametrize("name", STRUCTURES)
def test_fields_stand_in_the_modules_order(wheel: zipfile.ZipFile, name: str) -> None:
    """Each structure's field names lie in the module's table of fields one after the other."""
    (compiled,) = [one for one in wheel.namelist() if one.endswith(".pyd")]

    tables = field_tables(wheel.read(compiled))

    assert list(getattr(structures, name)._fields) in tables


def field_tables(module: bytes) -> list[list[str]]:
    """Return the field names of every structure: rows of two pointers, to a name and to no text."""
    texts, places = texts_of(module)
    tables: list[list[str]] = [[]]
    for place in places:
        name, text = struct.unpack_from("<QQ", module, place)
        if name in texts and text == 0:
            tables[-1].append(texts[name])
        elif tables[-1]:
            tables.append([])
    return tables


def texts_of(module: bytes) -> tuple[dict[int, str], range]:
    """Return the identifiers of a Windows module by their address, and where its data lies."""
    header = struct.unpack_from("<I", module, 0x3C)[0]
    count, optional = (
        struct.unpack_from("<H", module, header + 6)[0],
        struct.unpack_from("<H", module, header + 20)[0],
    )
    base = struct.unpack_from("<Q", module, header + 48)[0]
    texts: dict[int, str] = {}
    data = range(0)
    for row in range(count):
        name, _, address, size, offset = struct.unpack_from(
            "<8sIIII", module, header + 24 + optional + 40 * row
        )
        for found in re.finditer(rb"[a-z][a-z0-9_]*(?=\0)", module[offset : offset + size]):
            # The linker merges texts, so a field may be the end of another one.
            for start in range(found.start(), found.end()):
                texts[base + address + start] = module[
                    offset + start : offset + found.end()
                ].decode()
        if name.rstrip(b"\0") == b".data":
            data = range(offset, offset + size - 16, 16)
    return texts, data
