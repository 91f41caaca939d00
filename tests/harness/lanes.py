"""Many cells on a few lanes at once, on new clouds every few minutes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import count
from typing import TypeVar

CLOUD_SECONDS = 400.0  # an Azurite stood still for four minutes once it was ten minutes old
L = TypeVar("L")
T = TypeVar("T")
R = TypeVar("R")


def in_shifts(
    cloud: Callable[[int], AbstractContextManager[Sequence[L]]],
    items: Sequence[T],
    work: Callable[[L, T], R],
    report: Callable[[R], object],
    *,
    minutes: float,
) -> list[R]:
    """Do the work on every item, on the lanes of one cloud after the other; none is begun when the time is up."""
    until = time.monotonic() + minutes * 60
    done = list[R]()
    for number in count(1):
        if len(done) == len(items) or time.monotonic() > until:
            break
        with cloud(number) as lanes:
            shift = min(until, time.monotonic() + CLOUD_SECONDS)
            done += spread(lanes, items[len(done) :], work, report, until=shift)
    return done


def spread(
    lanes: Sequence[L],
    items: Sequence[T],
    work: Callable[[L, T], R],
    report: Callable[[R], object] = lambda _: None,
    *,
    until: float = float("inf"),
) -> list[R]:
    """Do the work on the items in their order, one at a time on each lane; none is begun when the time is up."""
    waiting: queue.SimpleQueue[tuple[int, T]] = queue.SimpleQueue()
    for numbered in enumerate(items):
        waiting.put(numbered)
    done, lock = dict[int, R](), threading.Lock()

    def drain(lane: L) -> None:
        while time.monotonic() < until:
            try:
                number, item = waiting.get_nowait()
            except queue.Empty:
                return
            result = work(lane, item)
            with lock:
                done[number] = result
                report(result)

    with ThreadPoolExecutor(len(lanes)) as pool:
        try:
            list(pool.map(drain, lanes))
        except BaseException:  # a signal: what runs may end, nothing more begins
            while not waiting.empty():
                waiting.get()
            raise
    return [done[number] for number in sorted(done)]
