"""What has settled is left out of collections."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from runtime.settled_heap import leave_out_of_collections


@pytest.fixture
def thawed() -> Iterator[None]:
    """Give the collector back what a test took out of its sight."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_is_held_is_left_out_and_what_comes_later_is_not() -> None:
    """Objects from before are no longer among those that a collection looks at."""
    before, later = [["held"]], [["new"]]

    asyncio.run(leave_out_of_collections(after_s=0.0))
    later.append(["newer"])

    seen = {id(each) for each in gc.get_objects()}
    assert id(before) not in seen
    assert id(later[-1]) in seen
