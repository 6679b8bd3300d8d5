"""Runs the fuzzers: ./dev fuzz [SECONDS] [NAME].

Each fuzz/NAME_fuzz.cc is a libFuzzer program with sanitizers, and runs for 600 s unless said otherwise. `kernels` runs random kernels
against the same text as host C++ (fuzz/kernels/): 10,000 of them, or as many as SECONDS allow. `outside` runs kernels that leave their
variables and tables against a model in Python (fuzz/outside/): 1,000 of them. `lockstep` does so with kernels in which it matters which
lanes are together (fuzz/lockstep/).

A libFuzzer program starts from fuzz/corpus/NAME and the tests' own texts (TEXTS), which are in the repository, and keeps what reaches new
code in fuzz/corpus-new/NAME, which isn't: the next run goes on from there. It ends at its first finding. A finding is kept in
fuzz/findings/ as two files of text: the input, and beside it a report with the command that replays it.
"""

import os
import subprocess
import time

from dev.build import build, environment
from dev.machine import PYTHON, ROOT, Stop

SECONDS = 600
FINDINGS = ROOT / "fuzz" / "findings"
# What a fuzzer starts from besides its corpus: texts that are kept up with the language anyway.
TEXTS = {"language": ["test/language/*.metal", "test/stdlib/*.metal"]}
# One kernel that takes longer, or more memory, is a finding too.
LIMITS = ["-timeout=60", "-rss_limit_mb=6000"]
# The list of what is Clang's own (test/sanitizers), from the root of the checkout.
OPTIONS = {"UBSAN_OPTIONS": "print_stacktrace=1", "LSAN_OPTIONS": "suppressions=test/sanitizers/leaks.txt:print_suppressions=0"}


def settings():
    return {**os.environ, **{name: os.environ.get(name) or value for name, value in OPTIONS.items()}}


def libfuzzers():
    return sorted(path.name.removesuffix("_fuzz.cc") for path in (ROOT / "fuzz").glob("*_fuzz.cc"))


def read_arguments(arguments):
    names = [*libfuzzers(), "kernels", "outside", "lockstep"]
    seconds, chosen = None, []
    for argument in arguments:
        if argument.isdecimal() and int(argument) > 0:
            seconds = int(argument)
        elif argument in names:
            chosen.append(argument)
        else:
            raise Stop(f"'{argument}' is neither a number of seconds nor one of the fuzzers: {', '.join(names)}", 2)
    return seconds, chosen or names


def keep(program, name, artifact):
    """Turns libFuzzer's artifact into an input with a readable name and a report; returns the report."""
    kind, _, digest = artifact.name.rpartition("-")
    text = FINDINGS / f"{name}-{kind}-{digest[:12]}.metal"
    artifact.replace(text)
    replay = [str(part.relative_to(ROOT)) for part in (program, text)]
    command = " ".join([*(f"{key}={value}" for key, value in OPTIONS.items()), *replay, *LIMITS])
    try:
        done = subprocess.run([*replay, *LIMITS], cwd=ROOT, env=settings(), capture_output=True, text=True,
                              errors="replace", timeout=180)
        output, status = done.stdout + done.stderr, f"status {done.returncode}"
    except subprocess.TimeoutExpired:
        output, status = "", "no end in 180 s"
    report = text.with_suffix(".txt")
    report.write_text(f"Replay, from the root of the checkout, after ./dev fuzz has built the fuzzer:\n\n  {command}\n\n"
                      f"Replayed once: {status}\n\n{output}")
    return report


def fuzz(folder, name, seconds):
    """Returns the reports of what was found."""
    program = folder / "fuzz" / f"{name}_fuzz"
    artifacts = folder / "artifacts" / name
    fresh, seeds = (ROOT / "fuzz" / place / name for place in ("corpus-new", "corpus"))
    for place in (artifacts, fresh, seeds, FINDINGS):
        place.mkdir(parents=True, exist_ok=True)
    texts = [path for pattern in TEXTS.get(name, []) for path in sorted(ROOT.glob(pattern))]
    command = [program, fresh, seeds, f"-seed_inputs={','.join(map(str, texts))}", f"-max_total_time={seconds}",
               f"-artifact_prefix={artifacts}/", "-print_final_stats=1", *LIMITS]
    start, before = time.monotonic(), len(list(fresh.iterdir()))
    print(f"{name}: {len(list(seeds.iterdir())) + len(texts)} seeds, {before} kept from before, {seconds} s", flush=True)
    status = subprocess.run([str(part) for part in command], cwd=ROOT, env=settings()).returncode
    gained = len(list(fresh.iterdir())) - before
    found = [keep(program, name, path) for path in sorted(artifacts.iterdir())]
    print(f"{name}: {time.monotonic() - start:.0f} s, {gained} inputs reached new code, status {status}")
    if status != 0 and not found:
        raise Stop(f"{program.relative_to(ROOT)} failed with status {status} and left no input")
    for report in found:
        print(f"{name}: found {report.relative_to(ROOT)}")
    # A slow input is kept, but isn't a failure; libFuzzer's status says which it was.
    return found if status != 0 else []


def run(arguments):
    seconds, names = read_arguments(arguments)
    programs = [name for name in names if name in libfuzzers()]
    failed = []
    if programs:
        folder = build("build-fuzz", [f"{name}_fuzz" for name in programs])
        failed = [report for name in programs for report in fuzz(folder, name, seconds or SECONDS)]
    scripts = {"kernels": ["--seconds", str(seconds)] if seconds else [], "outside": [], "lockstep": []}
    for name in [name for name in scripts if name in names]:
        failed += [name] * subprocess.run([str(PYTHON), str(ROOT / "fuzz" / name), *scripts[name]], env=environment(build())).returncode
    return 1 if failed else 0
