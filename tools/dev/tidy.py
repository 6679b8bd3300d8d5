"""clang-tidy, which takes minutes for all files: what was clean stays so until it, or anything it reads, changes.

For each file that was clean a stamp in build/tidy/ holds a hash of all that clang-tidy's answer depends on: its version, .clang-tidy,
the command that compiles the file, and the contents of the file and of every header that it includes (clang-scan-deps finds them
in seconds). Contents, not the preprocessed text: a NOLINT is a comment.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

from dev.machine import ROOT, Stop

TIDY = "clang-tidy-19"


@functools.cache
def content(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "missing"


def read_dependencies(database, scanned):
    """{source: every file that it reads}, from rules as make has them."""
    found = {}
    for rule in re.sub(r"\\\n", " ", scanned).splitlines():
        _, _, files = rule.partition(": ")
        paths = [path.replace("\\ ", " ") for path in re.findall(r"(?:\\ |\S)+", files)]
        if paths:
            found.setdefault(os.path.join(database, paths[0]), set()).update(os.path.join(database, path) for path in paths)
    return found


def scan(database):
    command = ["clang-scan-deps-19", "-compilation-database", str(database / "compile_commands.json"), "-format", "make",
               "-j", str(os.cpu_count() or 2)]
    # A file that can't be scanned has no rule, so it is tidied each time, and clang-tidy says what is wrong with it.
    return read_dependencies(database, subprocess.run(command, capture_output=True, text=True).stdout)


def keys(database):
    """{source: hash of all that clang-tidy's answer about it depends on}."""
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    entries = json.loads((database / "compile_commands.json").read_text())
    commands = {}
    for entry in entries:
        commands.setdefault(os.path.join(entry["directory"], entry["file"]), []).append(entry["command"])
    found = {}
    for source, files in scan(database).items():
        parts = [version, content(ROOT / ".clang-tidy"), *commands.get(source, []), *(f"{path} {content(path)}" for path in sorted(files))]
        found[source] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return found


def tidy(database, name):
    start = time.monotonic()
    done = subprocess.run([TIDY, "--quiet", "-p", str(database), name], capture_output=True, text=True, cwd=ROOT)
    return name, time.monotonic() - start, done.returncode, (done.stdout + done.stderr).strip()


def check_files(database, names):
    """Yields a complaint for each file that isn't clean, as soon as it is known."""
    stamps = database / "tidy"
    stamps.mkdir(exist_ok=True)
    stamp = lambda name: stamps / (name.replace("/", "+") + ".clean")
    known = keys(database)
    if not known:
        raise Stop("clang-scan-deps-19 (Debian's clang-tools-19) found no dependencies")
    key = lambda name: known.get(str(ROOT / name))
    clean = lambda name: key(name) is not None and stamp(name).exists() and stamp(name).read_text() == key(name)
    todo = [name for name in names if not clean(name)]
    print(f"clang-tidy: {len(names)} files, {len(names) - len(todo)} clean as they were", flush=True)
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2)
    try:
        running = [pool.submit(tidy, database, name) for name in todo]
        for number, future in enumerate(concurrent.futures.as_completed(running), 1):
            name, seconds, status, output = future.result()
            print(f"  [{number}/{len(todo)}] {name}: {'clean' if status == 0 else 'findings'}, {seconds:.0f} s", flush=True)
            if status != 0:
                yield f"{name}: clang-tidy\n{output}"
            elif key(name):
                stamp(name).write_text(key(name))
    finally:
        pool.shutdown(cancel_futures=True)
