"""Workers of a Dask cluster: the same studies, on machines that a batch system lends.

    with cluster_at("tcp://10.0.0.5:8786") as workers:
        run_study(study, "out/run", workers=workers)

The scene of a point is built here, and sent once to each worker that computes trials of it. Chunks
are kept here, in the folder of the run: workers need no common disk. A worker that dies costs
nothing but time, as Dask gives its chunks to others. Kernels run on as many threads as a worker
has, each on one core, under the rules of `lapack_guard`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import re
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from leopnt.errors import LeopntError
from leopnt.studies.method import Prepared
from leopnt.studies.plan import Chunk
from leopnt.studies.runner import (
    AbstractWorkers,
    Ended,
    Problem,
    keep_chunk,
    outcomes_of,
    prepared_point,
)
from leopnt.studies.store import RunFolder
from leopnt.studies.study_file import Study, versions
from leopnt.studies.tasks import Results, as_they_end, failed

if TYPE_CHECKING:
    from distributed import Client

_ADDRESS = re.compile(r"(?:(?:tcp|tls|ucx|ws|wss)://)?(?:\[[^\]]+\]|[^:/\s]+):(\d+)/?")
_NOISY = ("distributed.client", "distributed.core", "distributed.comm", "distributed.batched")
_COUNT_EVERY_S = 1.0
_LOOK_AHEAD = 3  # above 2 the scheduler spreads items evenly, else it piles them up where data are
_SMALL_BYTES = 50_000
_OF_SCHEDULER = "__import__('leopnt.studies.cluster', fromlist=['_']).cluster_versions()"
_OF_WORKER = "__import__('leopnt.studies.cluster', fromlist=['_']).circumstances()"
"""Text, which arrives where our modules are missing."""


class ClusterError(LeopntError):
    """The cluster cannot be used, or is lost."""


class Cluster(AbstractWorkers):
    """Workers of a Dask cluster; made by `cluster_at`.

    Attributes:
        address: of the scheduler.
        num_workers: threads of all workers, counted anew as workers come and go.
    """

    def __init__(self, client: Client, address: str, wait_s: float):
        self.address, self.num_workers = address, 0
        self._client: Any = client  # its methods are coroutines too, for other callers
        self._wait_s = wait_s
        self._counted_s = self._seen_s = time.monotonic()
        self._circumstances: dict[str, str] = {}

    def map(
        self, function: Callable[[Any, Any], Any], items: Iterable[Any], shared: Any = None
    ) -> Results:
        code, parcel = _packed(function), self._sent(shared)
        with self.executor() as pool:
            submit = functools.partial(_submit, pool, code, parcel)
            for number, future in as_they_end(submit, items, self._room):
                yield number, future.result()

    def computed(self, study: Study, folder: RunFolder, missing: list[Chunk]) -> Ended:
        left = dict.fromkeys(range(len(missing)))
        try:
            with self.executor() as pool:
                submit = _StudyTasks(self, pool, study)
                for number, future in as_they_end(submit, missing, self._room):
                    del left[number]
                    yield missing[number], _kept(folder, missing[number], future)
        except ClusterError as error:
            if left:
                yield missing[next(iter(left))], Problem(str(error), True)

    @property
    def _lost(self) -> str:
        return (
            f"the scheduler at {self.address} is gone. Start a cluster and run the same command "
            "again to go on."
        )

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor]:
        pool = _Pool(self._client, self._lost)
        try:
            yield pool
        finally:
            pool.shutdown()

    def _sent(self, shared: Any) -> _Sent:
        """Packed data, small enough for every item, else a future that goes to each worker once.

        Dask computes the future again should all workers that hold it die.
        """
        mark, content = _packed((self._circumstances, shared))
        if len(content) <= _SMALL_BYTES:
            return _Sent(mark, content)
        try:
            with _large_messages():
                return _Sent(mark, self._client.submit(_same, content, pure=False))
        except _closed_client():
            raise ClusterError(self._lost) from None

    def _room(self) -> int:
        now = time.monotonic()
        if now - self._counted_s > _COUNT_EVERY_S:
            self.count()
            self._counted_s = time.monotonic()
        if not self.num_workers and now - self._seen_s > self._wait_s:
            raise ClusterError(
                f"the cluster at {self.address} has had no workers for {self._wait_s:g} s."
            )
        return _LOOK_AHEAD * self.num_workers

    def count(self) -> int:
        """Count the threads of all workers."""
        try:
            self.num_workers = sum(self._client.nthreads().values())
        except Exception:  # of several packages
            raise ClusterError(self._lost) from None
        if self.num_workers:
            self._seen_s = time.monotonic()
        return self.num_workers


class _Pool(Executor):
    """Submits to Dask; what becomes of Dask's own errors is said in sentences."""

    def __init__(self, client: Client, lost: str):
        self.inner, self.lost = client.get_executor(pure=False), lost

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        outer: Future = Future()
        outer.set_running_or_notify_cancel()
        try:
            with _large_messages():
                inner = self.inner.submit(fn, *args, **kwargs)
        except _closed_client():
            return failed(ClusterError(self.lost))
        inner.add_done_callback(functools.partial(self._pass_on, outer))
        return outer

    def _pass_on(self, outer: Future, inner: Future) -> None:
        from distributed import KilledWorker

        error = ClusterError(self.lost) if inner.cancelled() else inner.exception()
        if isinstance(error, KilledWorker):
            error = LeopntError(
                "the cluster gave it up: every worker that tried died (out of memory?), "
                f"{error.allowed_failures + 1} in all."
            )
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(error)

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:
        """Give up what has not ended: Dask cannot tell what runs from what waits."""
        with contextlib.suppress(_closed_client(), OSError):
            self.inner.shutdown(wait=wait)


def _large_messages() -> contextlib.AbstractContextManager:
    """Dask warns of more than 10 MB, which are right here: they are sent once."""
    import dask.config

    return dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})


def _closed_client() -> type[Exception]:
    from distributed.client import ClosedClientError

    return ClosedClientError


class _Packed(NamedTuple):
    """What can be sent, and a digest of it."""

    mark: str
    content: bytes


class _Sent(NamedTuple):
    """Packed data, or the future of them on the cluster."""

    mark: str
    content: Any


def _packed(value: Any) -> _Packed:
    import cloudpickle

    content = cloudpickle.dumps(value)  # unlike pickle, it takes functions made by functions
    return _Packed(hashlib.sha256(content).hexdigest(), content)


def _submit(pool: Executor, code: _Packed, parcel: _Sent, item: Any) -> Future:
    return pool.submit(_call, _packed(item).content, *code, *parcel)


def _kept(folder: RunFolder, chunk: Chunk, future: Future) -> Problem | None:
    error = future.exception()
    if isinstance(error, ClusterError):
        return Problem(str(error), True)
    return keep_chunk(folder, chunk, future.result)


class _StudyTasks:
    """Submits chunks; a point's scene is sent with the first of its chunks."""

    def __init__(self, cluster: Cluster, pool: Executor, study: Study):
        self.cluster, self.pool, self.study = cluster, pool, study
        self.sent: tuple[int, _Packed, _Sent] | None = None

    def __call__(self, chunk: Chunk) -> Future:
        try:
            if self.sent is None or self.sent[0] != chunk.point:
                point = prepared_point(self.study, chunk.point)
                bare = dataclasses.replace(point, shared=None, cases={}, values={}, warnings=())
                code = _packed(functools.partial(_trials, bare, self.study.method.tile))
                self.sent = chunk.point, code, self.cluster._sent(point.shared)
        except Exception as error:  # one point must not take the others with it
            return failed(error)
        _, code, parcel = self.sent
        return _submit(self.pool, code, parcel, chunk)


# The way to the cluster


@contextlib.contextmanager
def cluster_at(
    address: str,
    *,
    connect_s: float = 5.0,
    wait_s: float = 300.0,
    say: Callable[[str], None] = lambda sentence: None,
) -> Iterator[Cluster]:
    """Use a Dask cluster that runs already; it goes on when this ends.

    Args:
        address: of the scheduler, HOST:PORT or as tcp://HOST:PORT; or the path of the file that
            `dask scheduler --scheduler-file` wrote.
        connect_s: how long the scheduler has to answer.
        wait_s: how long to wait for a first worker, and for a next one when all are gone.
        say: told once that there are no workers yet.

    Raises:
        ClusterError: no scheduler answers, there are no workers, or they have other versions than
            this process, so that their numbers would differ.
        LeopntError: address is neither; the package distributed is not installed.
    """
    scheduler = scheduler_address(address)
    with _quiet(), _client(scheduler, connect_s) as client:
        cluster = Cluster(client, scheduler, wait_s)
        _await_workers(cluster, wait_s, say)
        cluster._circumstances = _common_circumstances(client, scheduler)
        yield cluster


def scheduler_address(text: str) -> str:
    """The address in TEXT, or in the scheduler file that TEXT names.

    Raises:
        LeopntError: it is neither.
    """
    path = Path(text)
    if "://" not in text and not path.is_file() and not _ADDRESS.fullmatch(text):
        raise LeopntError(
            f"cluster: got {text!r}, which is no file and no address; accepted: HOST:PORT, "
            "tcp://HOST:PORT, or the scheduler file of a Dask cluster that runs."
        )
    if "://" in text or not path.is_file():
        return _checked(text, f"cluster: got {text!r}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LeopntError(f"cluster: {text!r} is no scheduler file (JSON): {error}.") from None
    inner = found.get("address") if isinstance(found, dict) else None
    if not isinstance(inner, str):
        raise LeopntError(
            f"cluster: {text!r} holds no address of a scheduler; expected the file that "
            "`dask scheduler --scheduler-file` writes."
        )
    return _checked(inner, f"cluster: {text!r} holds the address {inner!r}")


def _checked(address: str, where: str) -> str:
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[1]) < 65_536:
        raise LeopntError(f"{where}; expected HOST:PORT or tcp://HOST:PORT, port 1 to 65535.")
    return address


@contextlib.contextmanager
def _client(address: str, connect_s: float) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise LeopntError(
            "a cluster needs the package distributed: pip install 'leopnt[cluster]'."
        ) from None
    try:
        with warnings.catch_warnings():  # versions are compared below, in sentences
            warnings.simplefilter("ignore")
            client = Client(address, timeout=connect_s, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"cluster: no Dask scheduler answered at {address} within {connect_s:g} s "
            f"({type(error).__name__}). Is it running, and is its port open from here?"
        ) from None
    try:
        yield client
    finally:
        client.close(timeout=connect_s)


def _await_workers(cluster: Cluster, wait_s: float, say: Callable[[str], None]) -> None:
    begin = time.monotonic()
    is_said = False
    while not cluster.count():
        if time.monotonic() - begin > wait_s:
            raise ClusterError(
                f"cluster: the scheduler at {cluster.address} has no workers, and none came within "
                f"{wait_s:g} s. Start some: dask worker {cluster.address}"
            )
        if not is_said:
            say(f"waiting up to {wait_s:g} s for workers of {cluster.address} ...")
            is_said = True
        time.sleep(min(0.2, wait_s))


def cluster_versions() -> dict[str, str]:
    """Versions that must be the same all over a cluster, and the kind of machine.

    Where Numba is not installed, maps are computed by JAX: their last bits differ.
    """
    numba = version("numba") if find_spec("numba") else "not installed"
    return {**versions(), "distributed": version("distributed"), "numba": numba}


def circumstances() -> dict[str, str]:
    """What the numbers of this process depend on: versions, machine, platform of JAX's device."""
    from leopnt.inference.devices import working_platform

    return {**cluster_versions(), "device": working_platform()}


def _common_circumstances(client: Client, address: str) -> dict[str, str]:
    """Those of all workers, after a look at whether they are the same as here."""
    here = cluster_versions()
    found = _reports(client)
    for where, report in found.items():
        wrong = [name for name, one in here.items() if report.get(name) != one]
        if wrong:
            told = ", ".join(
                f"{name} {report.get(name, 'missing')} (here {here[name]})" for name in wrong
            )
            others = sum(any(r.get(n) != here[n] for n in here) for r in found.values())
            raise ClusterError(
                f"cluster: {where} of {address} has {told}; {others} of {len(found)} differ from "
                "this machine. Numbers would differ too: install the same versions there."
            )
    devices = sorted({report["device"] for report in found.values() if "device" in report})
    if len(devices) > 1:
        raise ClusterError(
            f"cluster: the workers of {address} compute on different devices: "
            f"{', '.join(devices)}. Their numbers would differ: choose one kind with JAX_PLATFORMS "
            "where the workers start."
        )
    return {**here, "device": devices[0]}


def _reports(client: Any) -> dict[str, dict[str, str]]:
    """Circumstances of the scheduler, which unpacks what it passes on, and of every worker."""
    answers: dict[str, Any] = {}
    try:
        answers["the scheduler"] = client.run_on_scheduler(eval, _OF_SCHEDULER)
    except Exception as error:
        answers["the scheduler"] = error
    answers |= {
        f"worker {name}": one
        for name, one in client.run(eval, _OF_WORKER, on_error="return").items()
    }
    return {
        name: one if isinstance(one, dict) else {"leopnt": f"no answer ({one!r})"}
        for name, one in answers.items()
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the log lines of lost connections, which are told as errors here."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)


# In the worker


class _Opened:
    """The last few values that came packed, by their mark: opened once, the same object since."""

    def __init__(self, size: int):
        self.size, self.lock = size, threading.Lock()
        self.values: OrderedDict[str, Any] = OrderedDict()

    def value(self, mark: str, content: bytes) -> Any:
        import cloudpickle

        with self.lock:
            if mark not in self.values:
                self.values[mark] = cloudpickle.loads(content)
            self.values.move_to_end(mark)
            while len(self.values) > self.size:
                self.values.popitem(last=False)
            return self.values[mark]


_FUNCTIONS, _DATA = _Opened(64), _Opened(4)


def _same(content: bytes) -> bytes:
    return content


def _call(item: bytes, code_mark: str, code: bytes, data_mark: str, data: bytes) -> Any:
    import cloudpickle

    expected, shared = _DATA.value(data_mark, data)
    _require(expected)
    return _FUNCTIONS.value(code_mark, code)(cloudpickle.loads(item), shared)


def _require(expected: dict[str, str]) -> None:
    """Refuse to compute where workers that joined late differ from the others."""
    here = _circumstances_here()
    wrong = [
        f"{name} {here[name]} (not {one})" for name, one in expected.items() if here[name] != one
    ]
    if wrong:
        raise ClusterError(f"a worker that joined the cluster has {', '.join(wrong)}.")


@functools.cache
def _circumstances_here() -> dict[str, str]:
    return circumstances()


def _trials(bare: Prepared, tile: int, chunk: Chunk, shared: Any) -> dict[str, Any]:
    return outcomes_of(dataclasses.replace(bare, shared=shared), chunk.index, tile)
