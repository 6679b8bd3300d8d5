"""The command: arguments, files, processes, output, exit status.

Exit status: 0 nothing was found; 1 something was; 2 wrong usage, or a file that couldn't be looked at (the others are done all the same).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from . import engine, fix, kernel_cache, pool
from .findings import Finding, Trouble
from .formats import FORMATS, as_text
from .registry import RULES, matching, page_of
from .settings import Settings, WrongUsage, make

SUFFIXES = engine.PYTHON | engine.METAL | engine.CPP
EXAMPLES = """\
examples:
  anymetal lint src/ kernels/soft_cap.metal
  anymetal lint --fix model.py
  anymetal lint --format sarif . > findings.sarif
  anymetal lint --select GRAPH-BREAK,KERNEL --ignore KERNEL-CREATE-001 src/
  anymetal lint --explain GRAPH-BREAK-001

`# anymetal: ignore[RULE]` silences a rule on its line (`//` in Metal), `# anymetal: ignore-file[RULE]` in the file; [tool.anymetal.lint] of
pyproject.toml has select, ignore, extend-select, extend-ignore, exclude, extend-exclude, per-file-ignores.

Exit status: 0 nothing found; 1 something found; 2 wrong usage, or a file that can't be read."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "Usage: ")


def parser(program: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=program, allow_abbrev=False, formatter_class=HelpFormatter, epilog=EXAMPLES, usage=f"{program} [options] PATH...",
                                   description="Finds what goes wrong in MLX code and Metal kernels: Python files, .metal files, kernels in C++ strings.")
    made.add_argument("paths", nargs="*", metavar="PATH", help="files and folders; - is Python on standard input")
    made.add_argument("--format", choices=sorted(FORMATS), default="text", help="text, for people, is the default")
    made.add_argument("--output", metavar="FILE", help="write there, not to standard output")
    listed = lambda name, text: made.add_argument(name, type=_names, action="extend", metavar="RULE,...", help=text)
    listed("--select", "these rules; GRAPH stands for all whose names begin so, ALL for all")
    listed("--ignore", "not these")
    listed("--extend-select", "these too")
    listed("--extend-ignore", "nor these")
    made.add_argument("--exclude", action="append", metavar="PATTERN", help="files and folders below the given ones to pass over")
    made.add_argument("--extend-exclude", action="append", default=[], metavar="PATTERN")
    made.add_argument("--fix", action="store_true", help="mend what can be mended safely")
    made.add_argument("--explain", metavar="RULE", help="show a rule's page")
    made.add_argument("--list", action="store_true", help="list the rules")
    made.add_argument("--statistics", action="store_true", help="count findings by rule in place of showing them")
    made.add_argument("--exit-zero", action="store_true", help="exit status 0 whatever is found")
    made.add_argument("--no-kernels", action="store_true", help="don't compile the kernels: Python's rules alone")
    made.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    made.add_argument("--config", metavar="FILE", help="this pyproject.toml")
    made.add_argument("--isolated", action="store_true", help="no pyproject.toml")
    made.add_argument("--jobs", type=int, default=0, metavar="N", help="processes; without it, one for each core")
    made.set_defaults(extend_select=[], extend_ignore=[])
    return made


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def main(words: list[str], program: str = "anymetal lint") -> int:
    options = parser(program).parse_intermixed_args(words)
    try:
        if options.explain:
            return _explain(options.explain)
        if options.list:
            return _list()
        if not options.paths:
            raise WrongUsage("which files? anymetal lint PATH...")
        return _run(options)
    except WrongUsage as error:
        print(f"anymetal lint: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        print("anymetal lint: stopped", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    settings = make(options, options.paths[0])
    paths, troubles = collect(options.paths, settings)
    lint_kernel = None if options.no_kernels or not any(RULES[name].side == "kernel" for name in settings.rules) else _native()
    findings, more = _look(paths, settings, lint_kernel, options.jobs or pool.cores())
    troubles += more
    mended = 0
    if options.fix:
        findings, fixed_troubles, mended = _fix(findings, settings, lint_kernel, options)
        troubles += fixed_troubles
    _write(findings, troubles, len(paths), options)
    if mended:
        print(f"mended {mended} finding{'s' * (mended != 1)}", file=sys.stderr)
    if lint_kernel is not None:
        kernel_cache.trim()
    if troubles or any(each.rule == "KERNEL-COMPILE-001" and each.path.endswith(".metal") for each in findings):
        return 2  # a file that isn't Metal is as unreadable as one that isn't Python
    return 1 if findings and not options.exit_zero else 0


def collect(given: list[str], settings: Settings) -> tuple[list[str], list[Trouble]]:
    found: dict[str, None] = {}
    troubles = []
    for name in given:
        path = Path(name)
        if name == "-":
            found[name] = None
        elif path.is_dir():
            for folder, folders, files in os.walk(path, onerror=lambda error: troubles.append(
                    Trouble(str(error.filename), f"can't be read: {error.strerror}"))):
                here = Path(folder)
                folders[:] = sorted(each for each in folders if not settings.excludes(here / each, path))
                for each in sorted(files):
                    if Path(each).suffix.lower() not in SUFFIXES or settings.excludes(here / each, path):
                        continue
                    if (here / each).exists() and not (here / each).is_file():
                        troubles.append(Trouble(str(here / each), "is a pipe, a socket or a device, not a file"))  # reading it might never end
                    else:
                        found[str(here / each)] = None
        elif os.path.lexists(path):
            found[name] = None
        else:
            troubles.append(Trouble(name, "there is no such file"))
    return list(found), troubles


def _native() -> Any:
    """`lint_kernel`, if the extension has it."""
    try:
        from .. import _native
    except ImportError:
        return None
    found = getattr(_native, "lint_kernel", None)
    return kernel_cache.remembered(found) if found is not None else None


def _look(paths: list[str], settings: Settings, lint_kernel: Any, jobs: int) -> tuple[list[Finding], list[Trouble]]:
    from .._report import Progress

    os.environ.setdefault("ANYMETAL_COMPILE_TIMEOUT", "20")  # of a text that never ends
    findings: list[Finding] = []
    troubles: list[Trouble] = []

    def work(path: str) -> tuple[list[Finding], list[Trouble]]:
        found, trouble = engine.lint_file(path, lint_kernel)
        return [each for each in found if settings.wants(each.rule, each.path)], trouble

    with Progress(len(paths)) as progress:
        for path, found, trouble in pool.each(paths, work, max(jobs, 1), lint_kernel is not None):
            if len(paths) >= 100:
                progress.step(path)
            findings += found
            troubles += trouble
    order = {path: number for number, path in enumerate(paths)}
    findings.sort(key=lambda each: (order.get(each.path, len(order)), each.path, each.place, each.rule))
    unique = {(each.path, each.place, each.rule): each for each in findings}  # a header that two files include
    return list(unique.values()), sorted(troubles, key=lambda each: each.path)


def _fix(findings: list[Finding], settings: Settings, lint_kernel: Any, options: argparse.Namespace) -> tuple[list[Finding], list[Trouble], int]:
    troubles: list[Trouble] = []
    mended = 0
    refused: set[str] = set()
    for _ in range(fix.ROUNDS):
        changed = sorted({each.path for each in findings if each.edits and each.path not in refused and each.path != "-"})
        if not changed:
            break
        for path in changed:
            try:
                text = engine.read(path)
                new, count = fix.apply(text, path, findings)
                if new == text:
                    raise fix.CantFix("its edits change nothing")
                fix.write(path, new)
                mended += count
            except (fix.CantFix, OSError, engine.Unreadable) as error:
                refused.add(path)
                troubles.append(Trouble(path, str(error)))
        fresh, more = _look(changed, settings, lint_kernel, options.jobs or pool.cores())
        troubles += more
        findings = [each for each in findings if each.path not in changed] + fresh
    findings.sort(key=lambda each: (each.path, each.place, each.rule))
    return findings, troubles, mended


def _write(findings: list[Finding], troubles: list[Trouble], files: int, options: argparse.Namespace) -> None:
    colour = {"auto": None, "always": True, "never": False}[options.color]
    stream = sys.stdout
    try:
        if options.output:
            stream = open(options.output, "w", encoding="utf-8")
        if options.statistics:
            counts: dict[str, int] = {}
            for each in findings:
                counts[each.rule] = counts.get(each.rule, 0) + 1
            for name, count in sorted(counts.items(), key=lambda pair: -pair[1]):
                stream.write(f"{count:6}  {name:<24} {RULES[name].title}\n")
            findings = []
            if options.format == "text" and not troubles:
                return
        FORMATS[options.format].write(findings, troubles, files, stream, colour)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise WrongUsage(f"{options.output} can't be written: {error.strerror}") from None
    finally:
        if options.output and stream is not sys.stdout:
            stream.close()
        else:
            stream.flush()


def _explain(name: str) -> int:
    rules = matching(name)
    if not rules:
        raise WrongUsage(f"there is no rule {name}; `anymetal lint --list` shows them")
    for number, rule in enumerate(rules):
        page = page_of(rule)
        if number:
            print()
        as_text.show_page(page.read_text(encoding="utf-8") if page is not None else f"# {rule.name}\n\n{rule.title}.")
    return 0


def _list() -> int:
    for rule in RULES.values():
        print(f"{rule.name:<24} {rule.severity:<8} {'fix' if rule.is_fixable else '   '}  {rule.title}")
    return 0
