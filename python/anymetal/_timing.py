"""Times of recorded kernels: turn by turn, all kernels and the machine's own limits in each turn, so that a disturbance hits them all."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from ._errors import KernelError, StoppedError, UnsupportedError
from ._library import _native
from ._report import Progress

TURN = 0.02  #: seconds that a turn gives a quick kernel
MOST_RUNS = 500  #: of a kernel in a turn
COUNTING = 3.0  #: seconds for counting a kernel's operations


@dataclass
class Timed:
    """What is known of one recorded kernel."""

    case: Any
    first_call: float | None = None
    turns: list[float] = field(default_factory=list)  #: the median of each turn, in seconds
    runs: int = 0  #: in all turns
    read: int | None = None  #: bytes
    written: int | None = None
    operations: int | None = None
    counted_share: float = 1.0  #: of the threads
    reason: str = ""  #: why something isn't known
    failed: str = ""  #: it can't be run

    @property
    def seconds(self) -> float:
        """The median; of what can't be run again, the mean of what the script saw."""
        if self.turns:
            return statistics.median(self.turns)
        return self.case.recorded_seconds / max(self.case.calls, 1)

    @property
    def spread(self) -> float | None:
        """Half of what the middle half of the turns spans, relative to the median."""
        if len(self.turns) < 4:
            return None
        low, _, high = statistics.quantiles(self.turns, n=4)
        return (high - low) / 2 / self.seconds

    @property
    def bytes_per_second(self) -> float | None:
        return None if self.read is None else (self.read + self.written) / self.seconds

    @property
    def operations_per_second(self) -> float | None:
        return None if self.operations is None else self.operations / self.seconds


@dataclass
class Machine:
    """What it can do, measured between the kernels."""

    copies: list[float] = field(default_factory=list)
    multiply_adds: list[float] = field(default_factory=list)

    @property
    def bytes_per_second(self) -> float:
        """The best of the turns: a limit is what is never passed, and what disturbs it says nothing about the machine."""
        return max(self.copies)

    @property
    def operations_per_second(self) -> float:
        return max(self.multiply_adds)

    def shares(self, timed: Timed) -> tuple[float, float]:
        """Of the copy's speed, and of the multiply-adds'."""
        return ((timed.bytes_per_second or 0) / self.bytes_per_second, (timed.operations_per_second or 0) / self.operations_per_second)


def one_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def prepare(timed: Timed) -> None:
    """The first call, and one more: from now on its code and its memory are warm."""
    if timed.case.refusal:
        timed.reason = f"timed in the script alone, as {timed.case.refusal}"
        return
    try:
        timed.first_call = timed.case.first_call()
        timed.case.run()
    except (KernelError, UnsupportedError, StoppedError, ValueError) as error:
        timed.failed = one_line(error)


def count(timed: Timed, seconds: float = COUNTING) -> None:
    """Traffic and operations."""
    if timed.case.refusal or timed.failed:
        return
    try:
        timed.read, timed.written = timed.case.traffic()
        operations, counted, threads = timed.case.count_operations(seconds)
    except (KernelError, UnsupportedError, StoppedError, ValueError) as error:
        timed.reason = f"operations not counted: {one_line(error)}"
        return
    if counted == 0:
        timed.reason = f"operations not counted: no thread ended within {seconds:g} s"
    else:
        timed.operations, timed.counted_share = operations, counted / threads
        if counted < threads:
            timed.reason = f"operations counted on {100 * counted / threads:.3g} % of the threads, those that ended within {seconds:g} s"


def take_turn(timed: Timed) -> None:
    """One turn of one kernel: a run that isn't timed, then as many as the turn's time allows."""
    case = timed.case
    case.run()
    times = [case.run()]
    wanted = min(int(TURN / max(times[0], 1e-7)), MOST_RUNS)
    times += [case.run() for _ in range(wanted - 1)]
    timed.turns.append(statistics.median(times))
    timed.runs += len(times)


def measure(cases: list[Any], turns: int, progress: Progress) -> tuple[list[Timed], Machine]:
    """Everything about the cases, and the machine's limits between them."""
    all_timed = [Timed(case) for case in cases]
    limits, machine = _native().Limits(), Machine()
    limits.copy()
    for timed in all_timed:
        progress.step(f"compiling {timed.case.name}")
        prepare(timed)
    running = [timed for timed in all_timed if not timed.failed and not timed.case.refusal]
    for turn in range(turns):
        machine.copies.append(limits.copy())
        machine.multiply_adds.append(limits.multiply_add())
        for timed in running:
            progress.step(f"turn {turn + 1} of {turns}: {timed.case.name}")
            take_turn(timed)
    for timed in all_timed:
        progress.step(f"counting {timed.case.name}")
        count(timed)
    return all_timed, machine


def steps_of(cases: list[Any], turns: int) -> int:
    return len(cases) * (turns + 2)
