"""What the operating systems do differently, both branches on whatever system runs the tests."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, ClassVar

import pytest

from runtime.machine.current import MACHINE
from runtime.machine.port import Held, lock
from runtime.machine.posix import PosixMachine
from runtime.machine.windows import PATH_LENGTH_MAX, WindowsMachine

OWN = "S-1-5-21-1-2-3-1001"
WHOAMI = f'"home\\\\anna","{OWN}"\n'


class Programs:
    """Windows' programs, as far as they are asked for."""

    def __init__(self, sddl: str = "") -> None:
        self.sddl = sddl
        self.asked: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        """Note the command and answer it."""
        self.asked.append(list(command))
        return {"whoami": WHOAMI, "powershell": self.sddl, "icacls": ""}[command[0]]


class Kernel:
    """The calls of kernel32 that are used."""

    def __init__(self) -> None:
        self.priority = 0
        self.exit_code = 259
        self.closed: list[int] = []
        self.error = 0

    def GetCurrentProcess(self) -> int:
        """Return the handle that means this process."""
        return -1

    def SetPriorityClass(self, handle: int, priority: int) -> int:
        """Note the class."""
        assert handle == -1
        self.priority = priority
        return 1

    def GlobalMemoryStatusEx(self, status: Any) -> int:
        """Say that 3 GiB are there, if the structure has the size of the documentation."""
        struct = status._obj
        assert struct.dwLength == 64
        struct.ullAvailPhys = 3 << 30
        return 1

    def OpenProcess(self, access: int, inherits: int, pid: int) -> int:
        """Open process 7 only."""
        assert (access, inherits) == (0x1000, 0)
        return 70 if pid == 7 else 0

    def GetExitCodeProcess(self, handle: int, code: Any) -> int:
        """Return the exit code."""
        assert handle == 70
        code._obj.value = self.exit_code
        return 1

    def GetLastError(self) -> int:
        """Return why nothing could be opened."""
        return self.error

    def CloseHandle(self, handle: int) -> None:
        """Note that the handle was given back."""
        self.closed.append(handle)


def windows(sddl: str = "", kernel: Kernel | None = None) -> tuple[WindowsMachine, Programs]:
    """Return Windows with fakes for its programs and its kernel."""
    programs = Programs(sddl)
    return WindowsMachine(lambda _name: kernel or Kernel(), programs), programs


def test_posix_private_means_the_user_alone(tmp_path: Path) -> None:
    """A folder becomes 0700, a file 0600, and what others may read is said with its mode."""
    if os.name != "posix":
        pytest.skip("mode bits are POSIX")
    file = tmp_path / "token"
    file.write_text("x")
    file.chmod(0o644)
    machine = PosixMachine()
    assert machine.open_to_others(file) == "mode 0644"
    machine.make_private(file)
    assert machine.open_to_others(file) == ""
    assert file.stat().st_mode & 0o777 == 0o600
    tmp_path.chmod(0o755)
    machine.make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_windows_private_means_the_user_alone(tmp_path: Path) -> None:
    """Inheritance goes and this user's identifier gets all rights; a folder hands them down."""
    machine, programs = windows()
    file = tmp_path / "token"
    file.write_text("x")
    machine.make_private(file)
    machine.make_private(tmp_path)
    given = [command for command in programs.asked if command[0] == "icacls"]
    assert given == [
        ["icacls", str(file), "/inheritance:r", "/grant:r", f"*{OWN}:F", "/q"],
        ["icacls", str(tmp_path), "/inheritance:r", "/grant:r", f"*{OWN}:(OI)(CI)F", "/q"],
    ]


@pytest.mark.parametrize(
    ("sddl", "found"),
    [
        (f"O:{OWN}G:{OWN}D:PAI(A;OICI;FA;;;{OWN})", ""),
        (f"O:{OWN}D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;{OWN})", ""),
        (f"O:{OWN}D:AI(A;ID;0x1200a9;;;BU)(A;ID;FA;;;{OWN})", "allowed to BU"),
        (
            f"O:{OWN}D:(A;;FA;;;WD)(A;;FR;;;S-1-5-21-9-9-9-1002)",
            "allowed to S-1-5-21-9-9-9-1002, WD",
        ),
        (f"O:{OWN}D:(D;;FA;;;WD)(A;;FA;;;{OWN})", ""),
    ],
    ids=["own", "system and administrators", "users", "everyone and another", "a denial"],
)
def test_windows_reads_access_lists_by_identifier(sddl: str, found: str, tmp_path: Path) -> None:
    """Who else is allowed follows from the list's identifiers, in every language of Windows."""
    assert windows(sddl)[0].open_to_others(tmp_path) == found


def test_windows_quotes_a_path_for_its_shell(tmp_path: Path) -> None:
    """A quote in a folder's name ends no string of the script."""
    machine, programs = windows()
    machine.open_to_others(tmp_path / "o'neil")
    assert "o''neil').Sddl" in programs.asked[0][-1]


def test_windows_says_when_the_user_is_unknown(tmp_path: Path) -> None:
    """Without the user's identifier nothing is granted to anybody."""
    machine = WindowsMachine(lambda _name: Kernel(), lambda _command: "no such thing")
    with pytest.raises(OSError, match="security identifier"):
        machine.make_private(tmp_path)


def test_windows_replaces_a_file_that_is_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that lets go within the tries costs nothing; one that does not is an error."""
    source, target = tmp_path / "new", tmp_path / "old"
    source.write_text("new")
    target.write_text("old")
    refusals = [2]
    real = Path.replace

    def held(self: Path, to: Path) -> Path:
        if refusals[0]:
            refusals[0] -= 1
            raise PermissionError("in use")
        return real(self, to)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr("runtime.machine.windows.sleep_s", lambda _seconds: None)
    windows()[0].replace(source, target)
    assert target.read_text() == "new"
    source.write_text("newer")
    refusals[0] = 1000
    with pytest.raises(PermissionError):
        windows()[0].replace(source, target)
    assert target.read_text() == "new"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (PureWindowsPath("C:/Users/anna/quorum"), ""),
        (PureWindowsPath("C:/data/con/x"), "con names a device on Windows"),
        (PureWindowsPath("C:/data/nul.txt"), "nul.txt names a device on Windows"),
        (PureWindowsPath("C:/data/LPT1"), "LPT1 names a device on Windows"),
        (PureWindowsPath("C:/data/console"), ""),
        (PureWindowsPath("C:/data./x"), "'data.' ends in a dot or a blank, which Windows drops"),
    ],
)
def test_windows_refuses_paths_that_do_not_last(path: PureWindowsPath, problem: str) -> None:
    """Devices, vanishing ends and long paths are named before anything is written."""
    machine = windows()[0]
    assert machine.path_problem(path) == problem  # type: ignore[arg-type]
    long = PureWindowsPath("C:/" + "x" * PATH_LENGTH_MAX)
    assert str(PATH_LENGTH_MAX) in machine.path_problem(long)  # type: ignore[arg-type]


@pytest.mark.parametrize(("lower_by", "least"), [(0, 10), (19, 19)])
def test_posix_gives_way_and_takes_nothing_back(lower_by: int, least: int) -> None:
    """Whoever was started still lower, as by `nice -n 19`, stays there."""
    if os.name != "posix":
        pytest.skip("nice values are POSIX's")
    lowered = (
        "import os; from runtime.machine.posix import PosixMachine; "
        f"own = os.nice({lower_by}); PosixMachine().lower_priority(); print(own, os.nice(0))"
    )

    done = subprocess.run(
        (sys.executable, "-c", lowered), capture_output=True, text=True, check=True
    )

    own, given = map(int, done.stdout.split())
    assert given == max(own, least)


def test_windows_gives_way_below_the_normal_priority() -> None:
    """The priority class is BELOW_NORMAL."""
    kernel = Kernel()
    windows(kernel=kernel)[0].lower_priority()
    assert kernel.priority == 0x4000


def test_windows_tells_its_memory() -> None:
    """The available physical memory comes out of the structure as documented."""
    assert windows()[0].memory_bytes() == 3 << 30


@pytest.mark.parametrize(
    ("pid", "exit_code", "error", "runs"),
    [(7, 259, 0, True), (7, 0, 0, False), (8, 259, 87, False), (8, 259, 5, True)],
    ids=["runs", "has ended", "unknown", "another user's"],
)
def test_windows_knows_who_runs(pid: int, exit_code: int, error: int, runs: bool) -> None:
    """A process runs while it has no exit code, also where it may not be opened."""
    kernel = Kernel()
    kernel.exit_code, kernel.error = exit_code, error
    assert windows(kernel=kernel)[0].is_running(pid) is runs
    assert kernel.closed == ([70] if pid == 7 else [])


def test_windows_children_are_ended_by_ctrl_break() -> None:
    """A child gets a group of its own, without which Ctrl-Break would reach its parent too."""
    sent: list[int] = []

    class Child:
        def send_signal(self, number: int) -> None:
            sent.append(number)

    machine = windows()[0]
    machine.ask_to_end(Child())  # type: ignore[arg-type]
    assert (sent, machine.child_options()) == ([1], {"creationflags": 0x200})


def test_windows_signals_are_those_that_exist_here() -> None:
    """Ctrl-C is always among the signals that stop a process."""
    found = windows()[0].stop_signals()
    assert signal.SIGINT in found
    assert len(set(found)) == len(found)


def test_a_child_of_this_machine_ends_when_asked() -> None:
    """On the system that runs the tests a child made with the options ends in order."""
    wait = "import time; print('up', flush=True); time.sleep(60)"
    child = subprocess.Popen(
        [sys.executable, "-c", wait], stdout=subprocess.PIPE, **MACHINE.child_options()
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"up"
        assert MACHINE.is_running(child.pid)
        MACHINE.ask_to_end(child)
        assert child.wait(20) != 0
        assert not MACHINE.is_running(child.pid)
    finally:
        child.kill()
        child.communicate()


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    """A second holder is refused until the first lets go."""
    path = tmp_path / "lock"
    with lock(path), pytest.raises(Held):
        lock(path)
    with lock(path):
        pass


def test_names_in_a_folder_can_be_made_durable(tmp_path: Path) -> None:
    """Syncing a folder works on the system that runs the tests."""
    (tmp_path / "STOP").write_bytes(b"")
    MACHINE.sync_folder(tmp_path)


def test_the_memory_structure_is_as_documented() -> None:
    """MEMORYSTATUSEX has two 32-bit and seven 64-bit fields."""
    from runtime.machine.windows import _MemoryStatus

    assert ctypes.sizeof(_MemoryStatus) == 2 * 4 + 7 * 8


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_posix_reads_single_keys_and_leaves_the_terminal_as_it_was() -> None:
    """A key comes without a line's end and is not shown; none within the time is empty."""
    import pty
    import termios

    main, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with PosixMachine().keys(terminal) as pressed:
        assert pressed(0.0) == ""
        os.write(main, b"q")
        assert pressed(10.0) == "q"
    assert termios.tcgetattr(terminal) == before
    os.close(main)
    os.close(terminal)


def test_windows_reads_single_keys() -> None:
    """The console is asked until a key is there or the time is over."""

    class Console:
        waiting: ClassVar = [ord("q")]

        def _kbhit(self) -> int:
            return len(self.waiting)

        def _getch(self) -> int:
            return self.waiting.pop()

    with WindowsMachine(lambda name: {"msvcrt": Console()}[name]).keys(0) as pressed:
        assert pressed(10.0) == "q"
        assert pressed(0.0) == ""
