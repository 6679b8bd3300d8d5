"""What can be seen without running anything: the arrows between rooms, names, sizes, format, tidiness, public headers.

The table of rooms is read from docs/design/README.md, so that the page and the check can't differ.
"""

import concurrent.futures
import itertools
import json
import os
import re
import subprocess
from pathlib import Path

from dev.machine import ROOT, Stop, setup

CODE = {".h", ".hpp", ".cc", ".cpp"}
TABLE = ROOT / "docs" / "design" / "README.md"
WATCHED = {"llvm", "llvm-c", "clang", "mlx", "boost", "spdlog", "fmt", "CLI"}
FORBIDDEN_NAMES = re.compile(r"(^|[_.-])(utils?|misc|common|helpers?|managers?)([_.-]|$)")
# Metal itself has headers of such names.
ALLOWED_NAMES = {"stdlib/metal_common", "stdlib/metal_utility"}
MACHINE_PATHS = re.compile("|".join(f"(?<![\\w.])/{name}/" for name in ("work", "root")))
LONGEST_FILE = 800


def tracked(*patterns):
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in names if name and (ROOT / name).is_file()]


def code_files():
    return [name for name in tracked() if Path(name).suffix in CODE]


def read_rooms():
    """{folder: (rooms, libraries)} from the table; rooms are folders too."""
    rows = re.findall(r"^\| (`.+?) \|.*?\|(.*?)\|(.*?)\|$", TABLE.read_text(), re.M)
    folders = {}
    for cell, uses, libraries in rows:
        for folder in re.findall(r"`([^`]+)/`", cell):
            folders[folder] = (uses, libraries)
    if "src/runtime" not in folders:
        raise Stop(f"the table of rooms in {TABLE.relative_to(ROOT)} can't be read")
    by_name = {folder.removeprefix("src/"): folder for folder in folders}
    words = lambda cell: re.findall(r"[A-Za-z]+", re.sub(r"\(.*?\)", "", cell))
    return {folder: ({by_name[word] for word in words(uses)}, set(words(libraries)))
            for folder, (uses, libraries) in folders.items()}


def room_of(name, rooms):
    found = [folder for folder in rooms if name.startswith(folder + "/")]
    return max(found, key=len, default=None)


def check_layering():
    rooms = read_rooms()
    files = set(tracked())
    for name in code_files():
        room = room_of(name, rooms)
        if room is None:
            yield f"{name}: lies in no room of {TABLE.relative_to(ROOT)}"
            continue
        uses, libraries = rooms[room]
        # Texts of kernels in tests have #include lines that are none of ours.
        text = re.sub(r'R"(\w*)\(.*?\)\1"', lambda raw: "\n" * raw[0].count("\n"), (ROOT / name).read_text(), flags=re.S)
        for match in re.finditer(r'^\s*#\s*include\s*(["<])([^">]+)[">]', text, re.M):
            quote, target = match.groups()
            line = text.count("\n", 0, match.start()) + 1
            places = [f"src/{target}", f"include/{target}"]
            if quote == '"':
                places = [os.path.normpath(f"{Path(name).parent}/{target}"), *places, target]
            ours = next((place for place in places if place in files), None)
            top = target.split("/")[0]
            if ours is not None:
                other = room_of(ours, rooms)
                if other != room and other not in uses:
                    yield f"{name}:{line}: {room} may not use {other} ({target})"
            elif top in WATCHED and top.removesuffix("-c") not in libraries:
                yield f"{name}:{line}: {room} may not use the library {top} ({target})"


def check_names():
    for name in tracked():
        for part in Path(name).parts:
            if name not in ALLOWED_NAMES and FORBIDDEN_NAMES.search(Path(part).name):
                yield f"{name}: '{part}' says nothing about what is inside"


def check_text():
    for name in tracked():
        try:
            lines = (ROOT / name).read_text().splitlines()
        except UnicodeDecodeError:
            continue
        if Path(name).suffix in CODE | {".py"} and len(lines) > LONGEST_FILE:
            yield f"{name}: {len(lines)} lines, over {LONGEST_FILE}: split it by noun"
        for number, line in enumerate(lines, 1):
            if MACHINE_PATHS.search(line):
                yield f"{name}:{number}: a path of one machine: {line.strip()}"


def run_all(commands, output=True):
    """Runs (label, command) pairs, as many at once as there are cores; yields a complaint for each failure."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        start = lambda pair: subprocess.run(pair[1], capture_output=True, text=True, cwd=ROOT)
        for (label, _), done in zip(commands, pool.map(start, commands)):
            if done.returncode != 0:
                yield f"{label}\n{(done.stdout + done.stderr).strip()}" if output else label


def check_format(fix):
    files = code_files()
    if fix:
        subprocess.run(["clang-format-19", "-i", *files], cwd=ROOT, check=True)
    yield from run_all([(f"{name}: not formatted (./dev check --fix)", ["clang-format-19", "--dry-run", "-Werror", name])
                        for name in files], output=False)


def check_headers():
    """Metal's own headers promise C++17, as metal-cpp does; ours C++20; the core C11 too."""
    commands = []
    flags = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Iinclude"]
    for name in tracked("include"):
        suffix = Path(name).suffix
        if suffix not in CODE:
            continue
        standards = ["c++20"] if name.startswith("include/anymetal/") and suffix == ".hpp" else ["c++17", "c++20"]
        for compiler, standard in itertools.product(["g++", "clang++-19"], standards):
            commands.append((f"{name}: doesn't compile alone with {compiler} -std={standard}",
                             [compiler, f"-std={standard}", "-x", "c++", *flags, "-include", name, "/dev/null"]))
        if name == "include/anymetal/core.h":
            commands.append((f"{name}: doesn't compile as C",
                             ["clang-19", "-std=c11", "-x", "c", *flags, "-include", name, "/dev/null"]))
    yield from run_all(commands)


def changed_files():
    for base in ("origin/main", "main"):
        found = subprocess.run(["git", "-C", str(ROOT), "diff", "--name-only", f"{base}..."], capture_output=True, text=True)
        if found.returncode == 0:
            break
    work = subprocess.run(["git", "-C", str(ROOT), "diff", "--name-only", "HEAD"], capture_output=True, text=True)
    return set(found.stdout.split()) | set(work.stdout.split())


def check_tidy(every_file):
    from dev.build import configure
    from dev.tidy import check_files

    folder = configure()
    entries = json.loads((folder / "compile_commands.json").read_text())
    compiled = {os.path.join(entry["directory"], entry["file"]) for entry in entries}
    chosen = set(code_files()) if every_file else changed_files()
    yield from check_files(folder, [name for name in code_files() if name in chosen and str(ROOT / name) in compiled])


def run(arguments):
    setup()
    parts = [
        ("layering", check_layering()),
        ("names", check_names()),
        ("lengths and paths", check_text()),
        ("format", check_format("--fix" in arguments)),
        ("public headers alone", check_headers()),
        ("clang-tidy", check_tidy("--all" in arguments)),
    ]
    failed = 0
    for title, complaints in parts:
        count = 0
        for count, complaint in enumerate(complaints, 1):
            print(f"  {complaint}", flush=True)
        print(f"{title}: {'well' if not count else count}", flush=True)
        failed += count
    return 1 if failed else 0
