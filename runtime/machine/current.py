"""The machine this process runs on."""

import os
from typing import Final

from runtime.machine.port import Machine
from runtime.machine.posix import PosixMachine
from runtime.machine.windows import WindowsMachine

MACHINE: Final[Machine] = WindowsMachine() if os.name == "nt" else PosixMachine()
