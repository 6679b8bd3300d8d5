"""`anymetal tune`: searches threadgroups, and the values that a script or the command line declares tunable.

Candidates come from one of three places: other threadgroups for a launch that was recorded; runs of the script with other values of its
`anymetal.tunable`s; launches of a file's kernel with other template arguments, function constants or macros. All of them are checked against the first,
timed in the same turns, and shown; the best is remembered.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import itertools
import json
import os
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from . import _kernel_file, _program, _tunable
from ._bench import HelpFormatter, arguments_text, guarded, parse
from ._errors import CompileError, KernelError, StoppedError, UnsupportedError
from ._library import _native
from ._report import Failure, Progress, duration, size, styled, table, write_text
from ._timing import Timed, one_line, take_turn

EXAMPLES = """\
examples:
  anymetal tune script.py                                 the script's anymetal.tunable values; without any, threadgroups of 32 to 1024 threads
  anymetal tune --kernel rms_norm --threadgroup 64..512 script.py
  anymetal tune --threadgroup 16x16,32x8,64x4 script.py
  anymetal tune product.metal --template TILE=8,16,32 --grid 1024,1024
  anymetal tune kernels.metal --kernel scale --constant WIDE=true,false --argument x:float32[1000] --grid 1000
then:
  ANYMETAL_TUNED=1 anymetal run script.py                 launches take the threadgroups that were found
"""
MOST = 400  #: candidates
HOPELESS = 2.5  #: times as slow as the best at a first look: not timed further
GAIN = 0.02  #: less isn't worth leaving the first for


@dataclass
class Candidate:
    labels: list[str]
    cases: list[Timed] = field(default_factory=list)
    threadgroup: tuple[int, ...] | None = None
    failed: str = ""
    wrong: str = ""
    is_script: bool = False  #: a run of a whole script, not one launch
    is_hopeless: bool = False

    @property
    def seconds(self) -> float:
        """Of all launches that it stands for."""
        return sum(each.seconds * (each.case.calls if self.is_script else 1) for each in self.cases)

    @property
    def is_valid(self) -> bool:
        return not self.failed and not self.wrong


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="anymetal tune", allow_abbrev=False, formatter_class=HelpFormatter, conflict_handler="resolve",
                                   usage="anymetal tune [options] SCRIPT.py [its arguments]\n       anymetal tune [options] KERNEL.metal [options]",
                                   description="Searches the fastest threadgroup and the fastest of the values that are declared tunable, and remembers them.", epilog=EXAMPLES)
    made.add_argument("--kernel", metavar="NAME", help="this kernel alone")
    made.add_argument("--repeat", type=int, default=7, metavar="N", help="turns in which each candidate is timed (7)")
    made.add_argument("--tolerance", type=float, metavar="X", help="how far floats may be off, relative to the largest (float 1e-5, half 4e-3, bfloat 3e-2)")
    made.add_argument("--json", metavar="FILE", help="all candidates, for programs")
    made.add_argument("--forget", action="store_true", help="shows, and remembers nothing")
    _kernel_file.add_options(made)
    made.add_argument("--threadgroup", dest="candidates", metavar="32..1024", help="powers of two from .. to, in all shapes that suit the grid; or sizes: 64,16x16,32x8")
    made.set_defaults(threadgroup=None)
    return made


def main(words: list[str]) -> int:
    os.environ["ANYMETAL_TUNED"] = "0"  # what is searched can't be what was found before
    target, arguments, options = parse(words, parser())
    searches = _searches_of_script(target, arguments, options) if _program.is_script(target) else [_search_of_file(target, options)]
    found = []
    for title, candidates, columns, remember in searches:
        print(f"\n{styled(title, 'bold')}", flush=True)
        best = search(candidates, options)
        print(show(candidates, columns, best))
        print(remember(best) if not options.forget else "(--forget: not remembered)")
        found.append(as_json(title, candidates, columns, best))
    if options.json:
        write_text(options.json, json.dumps({"target": target, "machine": _native().machine(), "searches": found}, indent=2) + "\n")
    return 0


# What is searched --------------------------------------------------------------------------------------------------------------

def _searches_of_script(target: str, arguments: list[str], options: Any) -> list[Any]:
    _tunable.assignment = {}
    _program.seed()
    cases = _program.record(target, arguments, options)
    declared = {name: (values, identities) for name, (values, identities) in _tunable.declared.items()}
    if not declared:
        return [_search_of_case(case, options) for case in _largest_first(cases)]
    search = _search_of_tunables(target, arguments, options, declared, cases)
    # The shape of a script's launches may follow from its tunables, so other threadgroups are tried only if they are asked for.
    return [search, *([_search_of_case(case, options) for case in _largest_first(cases)] if options.candidates else [])]


def _largest_first(cases: list[Any]) -> list[Any]:
    return sorted(cases, key=lambda case: -case.recorded_seconds)


def _search_of_tunables(target: str, arguments: list[str], options: Any, declared: dict[str, Any], first: list[Any]) -> Any:
    names = list(declared)
    combinations = list(itertools.product(*(declared[name][0] for name in names)))
    _check_count(len(combinations))
    candidates = [Candidate([str(value) for value in combinations[0]], [Timed(case) for case in first], is_script=True)]
    with Progress(len(combinations)) as progress:
        for values in combinations[1:]:
            progress.step("running the script with " + ", ".join(f"{name}={value}" for name, value in zip(names, values)))
            _tunable.assignment = dict(zip(names, values))
            _program.seed()
            candidate = Candidate([str(value) for value in values], is_script=True)
            try:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                    candidate.cases = [Timed(case) for case in _program.record(target, arguments, options)]
            except Failure as failure:
                lines = [line for line in said.getvalue().strip().split("\n") if line.strip()]
                candidate.failed = lines[-1] if lines else str(failure)
            except (CompileError, KernelError, UnsupportedError, StoppedError) as error:
                candidate.failed = one_line(error)
            candidates.append(candidate)
    _tunable.assignment = {}

    def remember(best: Candidate) -> str:
        if all(each.wrong for each in candidates[1:]):
            return ("not remembered, as every other value gives other results: does the script make random numbers without a fixed seed, "
                    "or do its grid and threadgroup not follow from the value?")
        values = combinations[candidates.index(best)]
        for name, value in zip(names, values):
            for identity in declared[name][1]:
                _native().remember(list(identity), f"{name} of {identity[0]}", repr(value))
        chosen = ", ".join(f"{name}={value}" for name, value in zip(names, values))
        return f"remembered: anymetal.tunable gives {chosen} from now on (ANYMETAL_TUNED=0: the defaults)"

    return f"{target}: {', '.join(names)}; time of all its kernels", candidates, names, remember


def _search_of_case(case: Any, options: Any) -> Any:
    own = tuple(case.threadgroup)
    wanted = sizes(options.candidates or "32..1024", tuple(case.grid), case.max_threads)
    candidates = [Candidate([size(own)], [Timed(case)], own)]
    candidates += [Candidate([size(each)], [Timed(case.with_threadgroup(list(each)))], each) for each in wanted if each != own]
    _check_count(len(candidates))
    title = f"{case.name}  {arguments_text(Timed(case))}  grid {size(case.grid)}"
    return title, candidates, ["threadgroup"], lambda best: _remember_threadgroup(case, best)


def _remember_threadgroup(case: Any, best: Candidate) -> str:
    case.remember_threadgroup(list(best.threadgroup or ()))
    if tuple(case.threadgroup) == best.threadgroup:
        return f"nothing is faster by more than {100 * GAIN:.0f} %: {size(case.threadgroup)} stays"
    return f"remembered: {size(best.threadgroup or ())} for launches like this one; `ANYMETAL_TUNED=1 anymetal run` takes it"


def _search_of_file(path: str, options: Any) -> Any:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        with open(path, encoding="utf-8") as file:
            _kernel_file.add_own_options(path, file.read(), options)
    choices = [(kind, n, _choices(word)) for kind in ("template", "constant", "macro") for n, word in enumerate(getattr(options, kind)) if len(_choices(word)) > 1]
    columns = [_name(getattr(options, kind)[n]) for kind, n, _ in choices] + ["threadgroup"]
    candidates: list[Candidate] = []
    bases: list[Any] = []
    for values in itertools.product(*(each for _, _, each in choices)):
        labels = [value.partition("=")[2] for value in values]
        own = copy.deepcopy(options)
        for (kind, n, _), value in zip(choices, values):
            getattr(own, kind)[n] = value
        try:
            own.grid = _computed(own.grid, {value.partition("=")[0]: value.partition("=")[2] for kind in ("template", "constant", "macro") for value in getattr(own, kind)})
            (case,) = _program.record(path, [], own)
        except (Failure, CompileError, KernelError, UnsupportedError, StoppedError) as error:
            if not candidates:
                raise
            candidates.append(Candidate([*labels, "–"], failed=one_line(error)))
            continue
        bases.append(case)
        mine = tuple(case.threadgroup)
        # Whoever names values to choose from has them in mind, and threadgroups only if they are named too.
        wanted = sizes(options.candidates or "32..1024", tuple(case.grid), case.max_threads) if options.candidates or not choices else []
        candidates.append(Candidate([*labels, size(mine)], [Timed(case)], mine))
        candidates += [Candidate([*labels, size(each)], [Timed(case.with_threadgroup(list(each)))], each) for each in wanted if each != mine]
        _check_count(len(candidates))

    def remember(best: Candidate) -> str:
        best.cases[0].case.remember_threadgroup(list(best.threadgroup or ()))
        chosen = ", ".join(f"{name}={label}" for name, label in zip(columns, best.labels))
        return f"best: {chosen}; remembered: the threadgroup, for launches of this text with these sizes (ANYMETAL_TUNED=1)"

    case = bases[0]
    return f"{case.name}  {arguments_text(Timed(case))}  grid {size(case.grid)}", candidates, columns, remember


def _name(word: str) -> str:
    return word.partition("=")[0]


def _choices(word: str) -> list[str]:
    """ "TILE=8,16" as ["TILE=8", "TILE=16"]; lists and structs are one value. """
    name, equals, values = word.partition("=")
    return [word] if not equals or set(values) & set("[({") else [f"{name}={value.strip()}" for value in values.split(",")]


def _computed(grid: str | None, values: dict[str, str]) -> str | None:
    """A grid may be computed from what is tuned: --grid "1024//TILE,64"."""
    if grid is None or not re.search("[A-Za-z]", grid.replace("x", "")):
        return grid
    parts = []
    for part in grid.split(","):
        for name, value in values.items():
            part = re.sub(rf"\b{re.escape(name)}\b", value, part)
        if not re.fullmatch(r"[\d\s+*/()-]+", part):
            raise Failure(f"--grid {grid}: `{part}` isn't made of numbers and of names that have values", 2)
        parts.append(str(int(eval(part, {"__builtins__": {}}))))  # digits and operators alone
    return ",".join(parts)


def _check_count(count: int) -> None:
    if count > MOST:
        raise Failure(f"more than {MOST} candidates: declare fewer values, or name sizes: --threadgroup 64,128,16x16", 2)


def sizes(text: str, grid: tuple[int, ...], most: int) -> list[tuple[int, ...]]:
    """The threadgroups that a text such as "32..256,16x16" means for a grid."""
    found: dict[tuple[int, ...], None] = {}
    for word in text.replace(" ", "").split(","):
        span = re.fullmatch(r"(\d+)\.\.(\d+)", word)
        exact = re.fullmatch(r"\d+(x\d+){0,2}", word)
        if span:
            first, last = int(span[1]), int(span[2])
            for threads in (2**n for n in range(21)):
                if first <= threads <= last:
                    found.update(dict.fromkeys(_shapes(threads, grid)))
        elif exact:
            numbers = [int(each) for each in word.split("x")]
            found[tuple(numbers + [1] * (3 - len(numbers)))] = None
        else:
            raise Failure(f"--threadgroup {text}: `{word}` is neither a size (64, 16x16) nor a span (32..1024)", 2)
    fitting = [each for each in found if each[0] * each[1] * each[2] <= most and min(each) > 0]
    if not fitting:
        raise Failure(f"--threadgroup {text}: no size that fits a grid of {size(grid)} and at most {most} threads", 2)
    return fitting


def _shapes(threads: int, grid: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Powers of two along each axis, none longer than the grid needs; along x at least 4, if the grid has them."""
    limits = [1 << (extent - 1).bit_length() for extent in grid]
    shapes = []
    for x in (2**n for n in range(threads.bit_length())):
        for y in (2**n for n in range((threads // x).bit_length())):
            z = threads // x // y
            if x <= limits[0] and y <= limits[1] and z <= limits[2] and x >= min(4, limits[0]):
                shapes.append((x, y, z))
    return shapes


# The search --------------------------------------------------------------------------------------------------------------------

def search(candidates: list[Candidate], options: Any) -> Candidate:
    """Checks and times them all; gives the best."""
    first = candidates[0]
    with Progress(len(candidates) * (options.repeat + 1)) as progress:
        for timed in first.cases:
            if timed.case.refusal:
                raise Failure(f"kernel `{timed.case.name}` can't be tuned: {timed.case.refusal}; --kernel picks others")
        expected = [timed.case.outputs() for timed in first.cases]
        for candidate in candidates:
            progress.step("checking " + " ".join(candidate.labels))
            if not candidate.failed:
                _check(candidate, first, expected, options.tolerance)
        if not first.is_valid:
            raise Failure(f"the kernel fails as it is: {first.failed or first.wrong}")
        for timed in first.cases:
            take_turn(timed)
        best = min((each.seconds for each in candidates if each.is_valid), default=0.0)
        for candidate in candidates:
            candidate.is_hopeless = candidate is not first and candidate.is_valid and candidate.seconds > HOPELESS * best
        for turn in range(1, options.repeat):
            for candidate in candidates:
                progress.step(f"turn {turn + 1} of {options.repeat}: " + " ".join(candidate.labels))
                if candidate.is_valid and not candidate.is_hopeless:
                    for timed in candidate.cases:
                        take_turn(timed)
    best_one = min((each for each in candidates if each.is_valid and not each.is_hopeless), key=lambda each: each.seconds)
    return best_one if best_one.seconds < (1 - GAIN) * first.seconds else first


def _check(candidate: Candidate, first: Candidate, expected: list[Any], tolerance: float | None) -> None:
    try:
        if len(candidate.cases) != len(expected) or any(a.case.name != b.case.name for a, b in zip(candidate.cases, first.cases)):
            candidate.wrong = "launches other kernels than the first, so its results can't be compared"
            return
        for timed, outputs in zip(candidate.cases, expected):
            if timed.case.refusal:
                candidate.wrong = f"can't be checked: {timed.case.refusal}"
                return
            if candidate is not first:
                difference = _native().compare(outputs, timed.case.outputs())
                candidate.wrong = _complaint(difference, tolerance)
                if candidate.wrong:
                    return
            timed.case.run()
            take_turn(timed) if candidate is not first else None
    except (CompileError, KernelError, UnsupportedError, StoppedError, ValueError) as error:
        candidate.failed = one_line(error)


def _complaint(difference: dict[str, Any], tolerance: float | None) -> str:
    if not difference["same_layout"]:
        return "writes other buffers than the first, so its results can't be compared"
    too_far = difference["largest"] > tolerance if tolerance is not None else difference["excess"] > 1
    return difference["where"] if difference["is_exact_kind"] or too_far else ""


# What is shown -----------------------------------------------------------------------------------------------------------------

def show(candidates: list[Candidate], columns: list[str], best: Candidate) -> str:
    """The fastest first; then the wrong and the failing ones."""
    first = candidates[0]
    rows = [[*columns, "time", "±", "speed", ""]]
    def rank(each: Candidate) -> tuple[int, float]:
        return (2, 0.0) if each.failed else (1, 0.0) if each.wrong else (0, each.seconds)
    for each in sorted(candidates, key=rank):
        notes = [*(["best"] if each is best else []), *(["as it is"] if each is first else []), *(["one turn"] if each.is_hopeless else [])]
        if not each.is_valid:
            text = f"fails: {each.failed}" if each.failed else f"wrong: {each.wrong}"
            rows.append([*each.labels, "–", "–", "–", styled(text, "red")])
            continue
        spread = each.cases[0].spread if len(each.cases) == 1 else None
        rows.append([*each.labels, duration(each.seconds), "–" if spread is None else f"{100 * spread:.0f} %", f"{first.seconds / each.seconds:.2f}",
                     styled(", ".join(notes), "green") if each is best else ", ".join(notes)])
    count = len(columns)
    return table(rows, right=[count, count + 1, count + 2])


def as_json(title: str, candidates: list[Candidate], columns: list[str], best: Candidate) -> dict[str, Any]:
    return {"title": title, "best": dict(zip(columns, best.labels)), "candidates": [
        {"values": dict(zip(columns, each.labels)), "median_seconds": each.seconds if each.is_valid else None, "failed": each.failed or None, "wrong": each.wrong or None,
         "turn_medians_seconds": [timed.turns for timed in each.cases], "first": each is candidates[0], "best": each is best} for each in candidates]}


if __name__ == "__main__":
    from anymetal import _tune

    sys.exit(guarded(_tune.main, sys.argv[1:]))
