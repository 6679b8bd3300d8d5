"""One contender in a process of its own: python worker.py PEER FOLDER [--tiny]. It obeys lines of JSON, and answers each with one.

A process each, because thread pools and LLVMs of several contenders don't live well in one. The arrays of a row are loaded into memory
of the process's own, so that the pages are as each contender would have them, and begin at a line of the cache (lines.py); everything runs twice before it is timed.

Each sample knows how long the process's threads stood ready without a processor (the kernel's schedstat): that is how work of others is told
from work of ours, sample by sample.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

if "PEERS_ROWS" in os.environ:  # another folder's rows and contenders
    sys.path.insert(0, os.environ["PEERS_ROWS"])

import lines  # noqa: E402
import priority  # noqa: E402
import rows  # noqa: E402

LEAST = 1e-3  # seconds of a sample: short calls are repeated


def waited():
    """Seconds that this process's threads were ready to run and didn't."""
    total = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/schedstat") as file:
                total += int(file.read().split()[1])
        except (OSError, IndexError):  # a thread that has ended, a system that doesn't count
            pass
    return total * 1e-9


class Worker:
    def __init__(self, peer, folder, tiny):
        module, _, variant = peer.partition(":")
        self.peer = importlib.import_module(f"peer_{module}").Peer(variant)
        self.folder, self.tiny, self.rows = Path(folder), tiny, rows.table()
        self.call = self.row = None
        self.times = 1

    def hello(self):
        return {"version": self.peer.version}

    def setup(self, row):
        self.call = self.peer.last = None
        self.row = self.rows[row]
        method = getattr(self.peer, self.row.family, None)
        if method is None:
            return {"skip": True}
        place = self.folder / row
        data = {file.stem[3:]: lines.placed(np.load(file, mmap_mode="r")) for file in sorted(place.glob("in_*.npy"))}
        made = method(self.row, self.row.size(self.tiny), data)
        if made is None:
            return {"skip": True}
        self.call, result = made
        if self.row.timed == "itself":
            self.times = 1
            return {"off": 0.0}
        self.call()
        off = rows.error(self.row, result(), np.load(place / "expected.npy", mmap_mode="r")) if result else 0.0
        return {"off": off, "note": None if self.tiny else getattr(self.peer, "note", lambda: None)()}

    def calibrate(self):
        """How many calls a sample has, by the fastest of some: where others work too a single one may be long, and samples of few calls show how
        threads are woken up instead. What was in the caches is one's own work then, not another's."""
        took = np.inf
        for _ in range(8):
            start = time.perf_counter()
            self.call()
            took = min(took, time.perf_counter() - start)
            if took > LEAST:
                break
        self.times = 1 if took > LEAST else max(1, min(1000, int(LEAST / max(took, 1e-7)) + 1))

    def sample(self):
        before = waited()
        start = time.perf_counter()
        if self.row.timed == "itself":
            seconds = self.call()
        else:
            for _ in range(self.times):
                self.call()
            seconds = (time.perf_counter() - start) / self.times
        wall = time.perf_counter() - start
        return seconds, (waited() - before) / wall

    def turn(self, seconds, least, ahead=False):
        with priority.ahead(ahead):
            return self.samples(seconds, least)

    def samples(self, seconds, least):
        if self.row.timed != "itself":
            self.calibrate()
        samples, start = [], time.perf_counter()
        while len(samples) < least or (time.perf_counter() - start < seconds and len(samples) < 1000):
            samples.append(self.sample())
        return {"samples": samples}

    def drop(self):
        self.call = None
        return {}


def main():
    lines.place_all()
    # What libraries print goes to the log, and leaves the answers alone.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(what):
        answers.write(json.dumps(what) + "\n")

    try:
        worker = Worker(sys.argv[1], sys.argv[2], "--tiny" in sys.argv[3:])
    except Exception as error:  # what is missing is said in the table
        say({"missing": f"{type(error).__name__}: {error}"})
        return
    say(worker.hello())
    for line in sys.stdin:
        order = json.loads(line)
        try:
            say(getattr(worker, order.pop("order"))(**order))
        except Exception as error:
            say({"fail": f"{type(error).__name__}: {error}"[:500]})
    os._exit(0)  # without the destructors of runtimes that don't agree on the order


if __name__ == "__main__":
    main()
