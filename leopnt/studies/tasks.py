"""Plain functions over many items, on threads or processes: results as they end."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any

from leopnt.errors import LeopntError

BROKEN = "a worker process ended abruptly (out of memory?)"
LOOK_AHEAD = 2
"""Items that are submitted at the same time, for each worker."""

Results = Generator[tuple[int, Any], None, None]
"""The number of each item with its result, in the order in which they end."""

_POLL_S = 0.2


def as_they_end(
    submit: Callable[[Any], Future], items: Iterable[Any], room: Callable[[], int]
) -> Generator[tuple[int, Future], None, None]:
    """Submit items while there is room for them; the number and future of each as it ends.

    Args:
        submit: starts the work on one item.
        items: read only as far as there is room.
        room: how many may be under way now; one always may.
    """
    running: dict[Future, int] = {}
    waiting = enumerate(items)
    while True:
        free = max(room(), 1) - len(running)
        for number, item in itertools.islice(waiting, max(free, 0)):
            running[submit(item)] = number
        if not running:
            return
        ended, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        for future in ended:
            yield running.pop(future), future


def map_on_threads(
    num_workers: int, function: Callable[[Any, Any], Any], items: Iterable[Any], shared: Any
) -> Results:
    """See `AbstractWorkers.map`."""
    with stopping(ThreadPoolExecutor(num_workers)) as pool:
        submit = lambda item: pool.submit(function, item, shared)  # noqa: E731
        for number, future in as_they_end(submit, items, lambda: LOOK_AHEAD * num_workers):
            yield number, future.result()


def map_on_processes(
    num_workers: int, function: Callable[[Any, Any], Any], items: Iterable[Any], shared: Any
) -> Results:
    """See `AbstractWorkers.map`."""
    content = pickle.dumps((function, shared))
    with stopping(process_pool(num_workers, _open, content)) as pool:
        submit = lambda item: submitted(pool, _call, item)  # noqa: E731
        for number, future in as_they_end(submit, items, lambda: LOOK_AHEAD * num_workers):
            try:
                yield number, future.result()
            except BrokenProcessPool:
                raise LeopntError(f"{BROKEN}.") from None


def process_pool(num_workers: int, *begin: Any) -> Executor:
    """Fresh processes that first call `begin`, a function and its words if any.

    They do not outlive this one.
    """
    return ProcessPoolExecutor(
        num_workers, mp_context=get_context("spawn"), initializer=_enter, initargs=begin
    )


def submitted(pool: Executor, function: Callable[..., Any], *words: Any) -> Future:
    """A future even where the pool broke after the last look at it."""
    try:
        return pool.submit(function, *words)
    except BrokenProcessPool as error:
        return failed(error)


def failed(error: Exception) -> Future:
    """A future that ended with this error."""
    future: Future = Future()
    future.set_exception(error)
    return future


@contextmanager
def stopping(pool: Executor) -> Iterator[Executor]:
    """Leave the pool with nothing waiting; what runs is finished."""
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# In a worker process

_HERE: dict[str, Any] = {}


def _enter(begin: Callable[..., None] | None = None, *words: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*words)


def _end_with_parent() -> None:
    """Do not outlive a parent that was killed: the pool would wait for work for good."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _open(content: bytes) -> None:
    _HERE["job"] = pickle.loads(content)


def _call(item: Any) -> Any:
    function, shared = _HERE["job"]
    return function(item, shared)
