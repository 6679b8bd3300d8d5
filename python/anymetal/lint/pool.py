"""Files shared out to processes of their own.

A process each for two reasons: Python's analysis uses one core, and Clang reads texts that nobody has tried before; if one brings a process down,
that file is a Trouble, a new process takes the dead one's place, and the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from .findings import Finding, Trouble

Result = tuple[str, list[Finding], list[Trouble]]


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    def __init__(self, work: Callable[[str], tuple[list[Finding], list[Trouble]]]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.path: str | None = None
        self.process: Any = context.Process(target=_run, args=(theirs, self.pipe, work), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, path: str) -> None:
        self.path = path
        self.pipe.send(path)

    def stop(self) -> None:
        try:
            self.pipe.send(None)
            self.pipe.close()
        except OSError:
            pass
        self.process.join(2)
        if self.process.is_alive():
            self.process.kill()


def _run(pipe: Connection, other_end: Connection, work: Callable[[str], tuple[list[Finding], list[Trouble]]]) -> None:
    other_end.close()
    try:
        while (path := pipe.recv()) is not None:
            pipe.send(guarded(work, path))
    except (EOFError, OSError, KeyboardInterrupt):
        pass
    os._exit(0)


def guarded(work: Callable[[str], tuple[list[Finding], list[Trouble]]], path: str) -> tuple[list[Finding], list[Trouble]]:
    try:
        return work(path)
    except Exception as error:  # a fault of ours in one file
        import traceback

        last = traceback.extract_tb(error.__traceback__)[-1]
        return [], [Trouble(path, f"internal error (please report it): {type(error).__name__}: {error} ({last.name}, line {last.lineno})")]


def each(paths: list[str], work: Callable[[str], tuple[list[Finding], list[Trouble]]], jobs: int, is_isolated: bool) -> Iterator[Result]:
    """Results as they come."""
    if not hasattr(os, "fork") or (not is_isolated and (jobs == 1 or len(paths) < 8)):
        for path in paths:
            yield (path, *guarded(work, path))
        return
    waiting = list(reversed(paths))
    workers: list[_Worker] = []
    try:
        for _ in range(min(jobs, len(paths))):
            workers.append(_Worker(work))
            workers[-1].give(waiting.pop())
        while any(worker.path is not None for worker in workers):
            busy = {worker.pipe: worker for worker in workers if worker.path is not None}
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                path = worker.path
                assert path is not None
                try:
                    found, troubles = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join(5)
                    found, troubles = [], [Trouble(path, f"internal error (please report it): the process that read it died ({_death(worker.process.exitcode)})")]
                    worker.pipe.close()
                    workers[workers.index(worker)] = worker = _Worker(work)
                worker.path = None
                if waiting:
                    worker.give(waiting.pop())
                yield path, found, troubles
    finally:
        for worker in workers:
            worker.stop()


def _death(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"status {code}"
