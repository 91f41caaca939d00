"""Do all that wait on one cluster share one listing?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from flinkfuncs.clients.listing import SharedListing
from flinkfuncs.core.errors import Unavailable

from .arm_samples import Clock, client
from .server import Answer, serving

THREADS = 10
EMPTY = Answer(body={"value": []})


def test_ten_operations_that_wait_cause_one_listing_per_interval() -> None:
    """Promise: N = 10 threads over three intervals cost three listings."""
    clock = Clock()
    with serving({"GET /jobs": [EMPTY]}) as server, ThreadPoolExecutor(THREADS) as threads:
        listing = SharedListing(client(server).jobs, interval_seconds=5, clock=clock)
        for interval in range(1, 4):
            together = Barrier(THREADS)

            def look(_thread: int, together: Barrier = together) -> int:
                together.wait()
                return len(listing.get())

            assert list(threads.map(look, range(THREADS))) == [0] * THREADS
            clock.now += 2
            assert list(threads.map(lambda _thread: len(listing.get()), range(THREADS))) == [0] * THREADS
            assert server.count("GET") == interval
            clock.now += 3


def test_a_listing_from_before_a_moment_does_not_serve_it() -> None:
    """Promise: what is about to be sent is decided on a listing that was begun for it."""
    clock = Clock()
    with serving({"GET /jobs": [EMPTY]}) as server:
        listing = SharedListing(client(server).jobs, interval_seconds=5, clock=clock)
        listing.get()
        clock.now += 1
        listing.get(after=999)
        assert server.count("GET") == 1
        listing.get(after=listing.now())
        assert server.count("GET") == 2


def test_a_listing_that_failed_is_not_kept() -> None:
    """Promise: its error is told, and the next caller asks again."""
    with serving({"GET /jobs": [Answer(500), EMPTY]}) as server:
        listing = SharedListing(client(server).jobs, interval_seconds=5, clock=Clock())
        with pytest.raises(Unavailable):
            listing.get()
        assert listing.get() == []
