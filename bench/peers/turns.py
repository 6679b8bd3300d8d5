"""Taking turns: who is measured, when, and which measurements count.

On shared machines the speed changes by half within seconds, and nothing says so. So the contenders of a row take turns, in another order each
round, and a turn is short. Before and after each one a probe runs multiply-adds on all processors for a millisecond: if it is slower than
88% of the best one, the turn is dropped. Within a turn, samples are dropped during which the contender's threads waited for a processor for more than
3% of the time. A dropped turn is taken again until there are enough, or the time is up; then the row says how many there are.
"""

import json
import os
import select
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import native_code
import priority

HERE = Path(__file__).parent
GOOD = 0.88
WAITING = 0.03
PATIENCE = 120  # seconds for an answer


class Probe:
    """How fast the machine is now, as a share of what it can be: nearly the fastest seen, for the very fastest may be the clock's mistake."""

    def __init__(self, library, ahead):
        self.library = library
        self.rounds, self.best, self.seen = 1000, 0.0, []
        with priority.ahead(ahead):
            while self.seconds() < 0.3e-3:
                self.rounds *= 2
            for _ in range(40):
                self()

    def seconds(self):
        self.library.cpp_nothing(50)  # the pool is awake
        start = time.perf_counter()
        self.library.limit_multiply_add(self.rounds)
        return time.perf_counter() - start

    def __call__(self):
        rate = self.library.limit_operations(self.rounds) / self.seconds()
        self.seen.append(rate)
        self.best = sorted(self.seen)[int(0.95 * len(self.seen))]
        return rate / self.best

    def quiet(self):
        return statistics.fmean(rate > GOOD * self.best for rate in self.seen)


class NoProbe:
    """Knows nothing about the machine."""

    best = 0.0

    def __call__(self):
        return 0.0

    def quiet(self):
        return 0.0


class Contender:
    """A worker process; one that has died or takes too long is started anew for the next row."""

    def __init__(self, name, peer, python, settings, folder, tiny):
        self.name, self.log = name, folder / f"{name}.log"
        self.command = [python, str(HERE / "worker.py"), peer, str(folder), *(["--tiny"] if tiny else [])]
        self.settings = {**os.environ, **settings}
        answer = self.start()
        self.missing = answer.get("missing") or answer.get("fail")
        self.version = answer.get("version")

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=self.settings, text=True, bufsize=1)
        return self.answer()

    def answer(self):
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.process.kill()
            self.process.wait()
            return {"fail": f"takes more than {PATIENCE} s"}
        line = self.process.stdout.readline()
        if not line:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["without a word"]
            return {"fail": f"ended with status {self.process.wait()}: {tail[0]}"}
        return json.loads(line)

    def ask(self, order, **more):
        if self.process.poll() is not None:
            if order != "setup":
                return {"fail": "has ended"}
            self.start()
        try:
            self.process.stdin.write(json.dumps({"order": order, **more}) + "\n")
        except BrokenPipeError:
            pass
        return self.answer()

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


@dataclass
class Times:
    """What a contender reached in a row."""

    off: float | None = None
    failed: str | None = None
    note: str | None = None  # what the contender says of itself
    clean: list = field(default_factory=list)  # seconds: the median of an undisturbed turn
    disturbed: list = field(default_factory=list)

    @property
    def seconds(self):
        """The median of undisturbed turns; if there are fewer than four, the fastest turn of all."""
        if len(self.clean) >= 4:
            return statistics.median(self.clean)
        return min(self.clean + self.disturbed, default=None)

    def record(self):
        return {"seconds": self.seconds, "off": self.off, "failed": self.failed, "note": self.note, "undisturbed": self.clean, "disturbed": self.disturbed}


def take(contender, times, probe, row, ahead):
    """One turn."""
    with priority.ahead(ahead):
        before = probe()
        answer = contender.ask("turn", seconds=row.slack, least=1, ahead=ahead)
        after = probe()
    if "samples" not in answer:
        times.failed = answer["fail"]
        return
    quiet = [seconds for seconds, waiting in answer["samples"] if waiting <= WAITING]
    if quiet and min(before, after) > GOOD:
        times.clean.append(statistics.median(quiet))
    else:
        times.disturbed.append(min(seconds for seconds, _ in answer["samples"]))


def measure(row, contenders, probe, turns, patience, ahead=False):
    """{name: Times}. `patience`: seconds after which a row ends with the turns that it has."""
    result, playing = {}, []
    for contender in contenders:
        answer = contender.ask("setup", row=row.name)
        if "skip" in answer:
            continue
        times = result[contender.name] = Times(off=answer.get("off"), failed=answer.get("fail"), note=answer.get("note"))
        if times.failed is None and times.off > 1:
            times.failed = f"wrong: {times.off:.3g} times as far off as allowed"
        if times.failed is None:
            playing.append(contender)
    end, at = time.monotonic() + patience, 0
    while playing and (at < turns or time.monotonic() < end):
        waiting = [each for each in playing if len(result[each.name].clean) < turns and result[each.name].failed is None]
        if not waiting:
            break
        # All play as long as one needs more: ratios come from the same minutes.
        playing_now = [each for each in playing if result[each.name].failed is None]
        for contender in playing_now[at % len(playing_now):] + playing_now[:at % len(playing_now)]:
            take(contender, result[contender.name], probe, row, ahead)
        at += 1
    for contender in contenders:
        contender.ask("drop")
    return result


def start_probe(ahead):
    return Probe(native_code.load(native_code.build(os.environ["PEERS_BUILD"])), ahead)

