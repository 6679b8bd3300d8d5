"""`anymetal bench`: how fast the kernels of a script, or one kernel of a file, are on this machine.

What goes in are the launches that _program.py has recorded; what comes out is a table, and as asked for a JSON file and a roofline.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from . import _kernel_file, _program, _roofline
from ._errors import CompileError, EnvironmentFault, InternalError, KernelError, StoppedError, UnsupportedError
from ._library import _native
from ._report import Failure, Progress, duration, number, percent, size, styled, table, write_text
from ._timing import Machine, Timed, measure, steps_of

EXAMPLES = """\
examples:
  anymetal bench script.py --size 4096               every kernel of a script; what follows the script is its own
  anymetal bench --kernel rms_norm --json times.json script.py
  anymetal bench --roofline roofline.svg script.py
  anymetal bench softmax.metal --input x:float32[4096,4096] --output y:float32[4096,4096] --grid 256,4096 --threadgroup 256
  anymetal bench kernels.metal --kernel scale --argument x:float32[1000000] --argument y:float32[1000000] --argument factor=2 --grid 1000000
"""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """As the other commands show their usage."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "Usage: ")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="anymetal bench", allow_abbrev=False, formatter_class=HelpFormatter,
                                   usage="anymetal bench [options] SCRIPT.py [its arguments]\n       anymetal bench [options] KERNEL.metal [options]",
                                   description="Times each kernel that a script launches (every kernel with its own sizes), or a kernel of a file.", epilog=EXAMPLES)
    made.add_argument("--kernel", metavar="NAME", help="this kernel alone")
    made.add_argument("--repeat", type=int, default=9, metavar="N", help="turns; in each, every kernel runs, for about 20 ms if it is quick (9)")
    made.add_argument("--json", metavar="FILE", help="all numbers, for programs; - for standard output, instead of the table")
    made.add_argument("--roofline", metavar="FILE.svg", help="draws each kernel below the machine's limits")
    _kernel_file.add_options(made)
    return made


def split(words: list[str], made: argparse.ArgumentParser) -> tuple[list[str], str | None, list[str]]:
    """Our options, the script or file, and what follows it."""
    i = 0
    while i < len(words):
        word = words[i]
        if word in ("-m", "-c") or not word.startswith("-") or word == "-":
            return words[:i], word, words[i + 1:]
        action = made._option_string_actions.get(word)
        i += 2 if action is not None and action.nargs is None and "=" not in word else 1
    return words, None, []


def parse(words: list[str], made: argparse.ArgumentParser) -> tuple[str, list[str], argparse.Namespace]:
    before, target, rest = split(words, made)
    if target is not None and not _program.is_script(target):
        before, rest = before + rest, []
    options = made.parse_args(before)
    if target is None:
        made.print_usage(sys.stderr)
        raise Failure("which script, or which .metal file?", 2)
    if target in ("-m", "-c") and not rest:
        raise Failure(f"{target} needs an argument", 2)
    if getattr(options, "repeat", 1) < 1:
        raise Failure(f"--repeat {options.repeat}: at least one turn", 2)
    return target, rest, options


def guarded(main: Any, words: list[str]) -> int:
    """Runs a command; errors become a line that names it, and an exit status."""
    name = main.__module__.rpartition("._")[2].replace("_", "-")
    statuses = {CompileError: 1, KernelError: 1, StoppedError: 1, UnsupportedError: 1, EnvironmentFault: 3, InternalError: 4, ImportError: 3}
    try:
        return main(words)
    except Failure as failure:
        print(f"anymetal {name}: {failure}", file=sys.stderr)
        return failure.status
    except tuple(statuses) as error:
        print(f"anymetal {name}: {error}", file=sys.stderr)
        return next(status for kind, status in statuses.items() if isinstance(error, kind))
    except KeyboardInterrupt:
        print(f"\nanymetal {name}: interrupted", file=sys.stderr)
        return 130


def main(words: list[str]) -> int:
    target, arguments, options = parse(words, parser())
    cases = _program.record(target, arguments, options)
    with Progress(steps_of(cases, options.repeat)) as progress:
        timed, machine = measure(cases, options.repeat, progress)
    timed.sort(key=lambda each: -each.seconds * each.case.calls)
    shown = " ".join([target, *arguments][:2]) if target in ("-m", "-c") else target
    if options.json:
        text = json.dumps(as_json(shown, timed, machine, options.repeat), indent=2) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            write_text(options.json, text)
    if options.json != "-":
        print_report(shown, timed, machine, options.repeat)
    if options.roofline:
        write_text(options.roofline, _roofline.draw(shown, timed, machine, _native().machine()))
    return 1 if all(each.failed for each in timed) else 0


# The table -------------------------------------------------------------------------------------------------------------------

def arguments_text(timed: Timed) -> str:
    """The shapes of all arguments but single numbers; those that come again are counted."""
    counts: dict[str, int] = {}
    for each in timed.case.arguments:
        shape = each["shape"].replace(", ", ",")
        if not shape:
            if each["bytes"] <= 64:
                continue
            shape = f"{each['type']} {each['bytes']:,} B"
        elif shape.endswith("[]"):
            continue
        counts[shape] = counts.get(shape, 0) + 1
    return " ".join(shape if count == 1 else f"{count}·{shape}" for shape, count in counts.items())


def limit_text(timed: Timed, machine: Machine) -> str:
    """The nearer of the two limits."""
    memory, arithmetic = machine.shares(timed)
    if timed.read is None:
        return "–"
    return f"{percent(memory)} copy" if memory >= arithmetic else f"{percent(arithmetic)} mul-add"


def rows(timed: list[Timed], machine: Machine) -> tuple[list[list[str]], list[str]]:
    """The table, and the notes that its numbers refer to."""
    made = [["kernel", "arguments", "grid", "threadgroup", "calls", "first call", "time", "±", "GB/s", "GFLOP/s", "of limit"]]
    notes: list[str] = []
    for each in timed:
        mark = ""
        if each.reason or each.failed:
            note = each.failed and f"failed when it was run again: {each.failed}" or each.reason
            if note not in notes:
                notes.append(note)
            mark = f" [{notes.index(note) + 1}]"
        case, rate, operations = each.case, each.bytes_per_second, each.operations_per_second
        made.append([
            case.name + mark, arguments_text(each), size(case.grid), size(case.threadgroup), f"{case.calls:,}",
            "–" if each.first_call is None else duration(each.first_call),
            "–" if each.failed else duration(each.seconds),
            "–" if each.spread is None else percent(each.spread),
            "–" if rate is None or each.failed else number(rate / 1e9),
            "–" if operations is None or each.failed else number(operations / 1e9) if operations else "0",
            "–" if each.failed else limit_text(each, machine)])
    return made, notes


def print_report(target: str, timed: list[Timed], machine: Machine, turns: int) -> None:
    about = _native().machine()
    heading = f"{target} on {about['device']}, {about['threads']} threads, bounds {about['bounds']}, {turns} turns"
    print()
    print(styled(heading, "bold"))
    print(f"limits of the machine, measured between: copy {number(machine.bytes_per_second / 1e9)} GB/s, float32 multiply-add "
          f"{number(machine.operations_per_second / 1e9)} GFLOP/s")
    print()
    made, notes = rows(timed, machine)
    print(table(made, right=[4, 5, 6, 7, 8, 9], shrink=1))
    print()
    for i, note in enumerate(notes):
        print(f"[{i + 1}] {note}")
    print(styled("time: median of the turns; ±: half of what the middle half of them spans; first call: with compilation, without cache.\n"
                 "GB/s: bytes of the arguments that the kernel reads or writes, each once. GFLOP/s: counted while it ran; a fused multiply-add is two.\n"
                 "of limit: the nearer one. Over 100 % of the copy: the arguments stay in the caches.", "dim"))
    noisy = [each.case.name for each in timed if (each.spread or 0) > 0.1]
    if noisy:
        print(styled(f"± over 10 % ({', '.join(dict.fromkeys(noisy))}): something else is running on this machine; repeat when it is quiet.", "yellow"))
    if about["executor"] == "reference":
        print(styled("This is the reference executor, which checks everything and is slow: ANYMETAL_EXECUTOR=cpu times the fast one.", "yellow"))


def as_json(target: str, timed: list[Timed], machine: Machine, turns: int) -> dict[str, Any]:
    kernels = []
    for each in timed:
        case = each.case
        kernels.append({
            "name": case.name, "function": case.kernel, "grid": list(case.grid), "threadgroup": list(case.threadgroup),
            "arguments": case.arguments, "calls": case.calls, "seconds_in_script": case.recorded_seconds, "first_call_seconds": each.first_call,
            "median_seconds": None if each.failed else each.seconds, "turn_medians_seconds": each.turns, "relative_spread": each.spread, "runs": each.runs,
            "bytes_read": each.read, "bytes_written": each.written, "bytes_per_second": None if each.failed else each.bytes_per_second,
            "operations": each.operations, "operations_counted_on_share_of_threads": each.counted_share,
            "operations_per_second": None if each.failed else each.operations_per_second,
            "share_of_copy": None if each.read is None else machine.shares(each)[0],
            "share_of_multiply_add": None if each.operations is None else machine.shares(each)[1],
            "note": each.reason or None, "failed": each.failed or None})
    return {"target": target, "machine": _native().machine(), "turns": turns,
            "copy_bytes_per_second": machine.bytes_per_second, "multiply_add_operations_per_second": machine.operations_per_second, "kernels": kernels}


if __name__ == "__main__":
    from anymetal import _bench

    sys.exit(guarded(_bench.main, sys.argv[1:]))
