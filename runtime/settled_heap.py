"""What a process holds a while after its start it holds to its end: libraries, kernels, models.

Python's collector looks at all of it whenever enough new objects have lived long enough, which
stops an agent for about 80 ms in the middle of a round. Once it has settled, it is looked at once
and then left out. What becomes garbage of it later is not freed; what comes after it is.
"""

import asyncio
import gc
from typing import Final

SETTLED_S: Final = 60.0
"""Process time after the start by which libraries are imported, kernels compiled, histories read
and models loaded."""


async def leave_out_of_collections(after_s: float = SETTLED_S) -> None:
    """Wait, collect once, and exempt what is left from all later collections."""
    await asyncio.sleep(after_s)
    gc.collect()
    gc.freeze()
