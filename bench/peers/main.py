"""Our kernels and their peers in one run: `./dev bench peers [ROW...]`.

What comes in: rows.py says what is computed, kernels/ and native/ how each contender does it. What goes out: a table on stdout, everything in JSON
beside it, and with --page docs/performance.md. Why this way: on a shared machine a number means something only beside another one that was measured
in the same minutes; turns.py takes care of that. Nobody's result counts that isn't equal to NumPy's.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import page
import rows
import turns


def opencl_settings(folder, name, library):
    """A folder of drivers with this one alone."""
    vendors = folder / f"icd_{name}"
    vendors.mkdir(parents=True, exist_ok=True)
    (vendors / f"{name}.icd").write_text(f"{library}\n")
    return {"OCL_ICD_VENDORS": str(vendors), "OCL_ICD_FILENAMES": "", "POCL_CACHE_DIR": str(folder / "pocl_cache")}


# What keeps a peer to a level of instructions; whoever isn't here chooses by itself and is left out.
LEVELS = {"avx2": {"limit": {}, "cpp": {}, "intel": {"CL_CONFIG_CPU_TARGET_ARCH": "core-avx2"}, "openblas": {"OPENBLAS_CORETYPE": "HASWELL"}}}


def contenders(options, build):
    """{name: (peer, python, settings)} or {name: why it is missing}."""
    ours = {"ANYMETAL_EXECUTOR": options.executor, "ANYMETAL_BOUNDS": "off", "ANYMETAL_GATES": "off"}
    if options.cpu != "native":
        ours["ANYMETAL_CPU"] = options.cpu
    found = {"anymetal": ("anymetal", sys.executable, ours), "again": ("anymetal:again", sys.executable, ours)}
    if options.bounds != "off":
        found[options.bounds] = ("anymetal", sys.executable, ours | {"ANYMETAL_BOUNDS": options.bounds})
    found["limit"] = ("cpp:limit", sys.executable, {})
    found["cpp"] = ("cpp:avx2" if options.cpu == "avx2" else "cpp", sys.executable, {})
    found["sleef"] = ("sleef", sys.executable, {})
    venv = build / "venv"
    intel, pocl = next(iter(venv.glob("lib/libintelocl.so*")), None), Path("/etc/OpenCL/vendors/pocl.icd")
    python = str(venv / "bin" / "python")
    found["intel"] = ("opencl:intel", python, opencl_settings(build, "intel", intel) | {"LD_LIBRARY_PATH": str(venv / "lib")}) if intel else (
        "the Intel OpenCL runtime isn't installed")
    found["pocl"] = ("opencl:portable", python, opencl_settings(build, "pocl", pocl.read_text().strip())) if pocl.exists() and venv.exists() else (
        "PoCL isn't installed (Debian's pocl-opencl-icd)")
    found["openblas"] = ("numpy:openblas", sys.executable, {})
    found["numpy"] = ("numpy", sys.executable, {})
    found["mlx"] = ("mlx", sys.executable, {})
    for name in set(found) & set(page.PEERS) if options.cpu != "native" else ():
        level = LEVELS[options.cpu].get(name)
        if level is None:
            found[name] = f"it can't be kept to {options.cpu.upper()}"
        elif not isinstance(found[name], str):
            peer, python, settings = found[name]
            found[name] = (peer, python, settings | level)
    chosen = {name for name in (options.peers.split(",") if options.peers else found)} | {"anymetal"}
    for name in chosen - set(found):
        sys.exit(f"no contender {name}; there are {', '.join(found)}")
    return {name: each for name, each in found.items() if name in chosen}


def machine():
    """Name and features of the processor."""
    known = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        known.setdefault(key.strip(), value.strip())
    wanted = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512cd", "avx512_bf16", "avx512_fp16", "amx_tile",
              "amx_bf16", "amx_int8", "asimd", "asimdhp", "bf16", "sve")
    flags = (known.get("flags") or known.get("Features") or "").split()
    place = f"family {known.get('cpu family')}, model {known.get('model')}" if known.get("cpu family") else ""
    return {"processor": f"{known.get('model name', platform.processor())}{f' ({place})' if place else ''}", "cores": os.cpu_count(),
            "features": [each for each in wanted if each in flags], "system": platform.platform()}


def prepare(row, folder, tiny):
    """Inputs and what is right, once for all contenders."""
    place = folder / row.name
    place.mkdir()
    data = rows.inputs(row, tiny)
    for name, array in data.items():
        np.save(place / f"in_{name}.npy", array)
    if row.expected is not None:
        np.save(place / "expected.npy", np.asarray(row.expected(data, row.size(tiny), row.dtype)))


def read_options(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench peers", description="times our kernels beside their peers")
    parser.add_argument("rows", nargs="*", help="rows or the beginnings of their names; without any, all")
    parser.add_argument("--turns", type=int, default=9, help="undisturbed turns of each contender (9)")
    parser.add_argument("--patience", type=float, default=60, help="seconds after which a row ends with fewer (60)")
    parser.add_argument("--quick", action="store_true", help="3 turns, 6 seconds a row")
    parser.add_argument("--tiny", action="store_true", help="small sizes, for a test of the programs: the times mean nothing")
    parser.add_argument("--peers", help="contenders, with commas between; without it, all that are there")
    parser.add_argument("--bounds", choices=["off", "robust", "error"], default="off", help="also ours with accesses checked, as a contender of its own")
    parser.add_argument("--executor", choices=["cpu", "reference"], default="cpu")
    parser.add_argument("--cpu", choices=["native", "avx2"], default="native", help="code for this level, ours and the C++")
    parser.add_argument("--priority", action="store_true", help="ahead of other processes (needs the right to): where others build meanwhile")
    parser.add_argument("--no-probe", action="store_true", help="without the probe, and so without Clang: no turn counts as undisturbed")
    parser.add_argument("--json", type=Path, help="where everything goes (build/peers/peers.json)")
    parser.add_argument("--update", action="store_true", help="rows of the JSON file that aren't measured now stay in it and on the page")
    parser.add_argument("--page", type=Path, help="also a page of Markdown")
    options = parser.parse_args(arguments)
    if options.quick:
        options.turns, options.patience = min(options.turns, 3), min(options.patience, 6)
    return options


def choose(names):
    table = rows.table()
    if not names:
        return list(table.values())
    chosen = [row for row in table.values() if any(row.name == name or row.family == name or row.name.startswith(name + "_") for name in names)]
    for name in names:
        if not any(row.name == name or row.family == name or row.name.startswith(name + "_") for row in chosen):
            sys.exit(f"no row {name}; there are {', '.join(table)}")
    return chosen


def start(options, build, folder):
    players, missing = [], {}
    for name, each in contenders(options, build).items():
        if isinstance(each, str):
            missing[name] = each
            continue
        peer, python, settings = each
        player = turns.Contender(name, peer, python, settings, folder, options.tiny)
        if player.missing:
            missing[name] = player.missing
        else:
            players.append(player)
    return players, missing


def about_now(probe):
    return {"quiet": probe.quiet(), "load_after": os.getloadavg()[0], "multiply_add_gflops": probe.best / 1e9}


def save(report, options, build):
    """After each row, so that whoever stops a long run keeps what there is."""
    order = list(rows.table())
    report["rows"] = dict(sorted(report["rows"].items(), key=lambda each: order.index(each[0])))
    (options.json or build / "peers.json").write_text(json.dumps(report, indent=1) + "\n")
    if options.page:
        options.page.write_text(page.markdown(report))


def revision():
    done = subprocess.run(["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or None


def run(options, build):
    chosen = choose(options.rows)
    if options.priority:
        try:
            os.nice(-10)  # inputs and compilers; turns get more
        except PermissionError:
            sys.exit("--priority needs the right to it: root has it")
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="anymetal-peers-", dir=memory if memory.is_dir() else None))
    load = os.getloadavg()[0]
    report = {"machine": machine(), "date": datetime.now(timezone.utc).isoformat(timespec="minutes"), "turns": options.turns, "bounds": options.bounds,
              "executor": options.executor, "cpu": options.cpu, "load_before": load, "revision": revision(), "rows": {}}
    before = (options.json or build / "peers.json") if options.update else None
    report["rows"] = json.loads(before.read_text())["rows"] if before and before.exists() else {}
    players = []
    try:
        probe = turns.NoProbe() if options.no_probe else turns.start_probe(options.priority)
        players, missing = start(options, build, folder)
        report |= {"contenders": {each.name: each.version for each in players}, "missing": missing}
        print("\n".join(page.heading(report)), flush=True)
        names = [each.name for each in players]
        print(page.head(names), flush=True)
        for row in chosen:
            prepare(row, folder, options.tiny)
            result = turns.measure(row, players, probe, options.turns, options.patience, options.priority)
            shutil.rmtree(folder / row.name)
            entry = report["rows"][row.name] = page.entry(row, row.size(options.tiny), result) | {"revision": report["revision"]}
            print(page.line(row, entry, names), flush=True)
            report |= about_now(probe)
            save(report, options, build)
        print("\n".join(page.ending(report)), flush=True)
    finally:
        for each in players:
            each.end()
        shutil.rmtree(folder, ignore_errors=True)
    return report


def main():
    options = read_options(sys.argv[1:])
    build = Path(os.environ.setdefault("PEERS_BUILD", str(Path(__file__).parents[2] / "build" / "peers")))
    build.mkdir(parents=True, exist_ok=True)
    report = run(options, build)
    print(f"written: {options.json or build / 'peers.json'}" + (f", {options.page}" if options.page else ""))
    wrong = [f"{row}: {name}: {each['failed']}" for row, entry in report["rows"].items() for name, each in entry["contenders"].items() if each["failed"]]
    return 1 if any(f": {name}: " in each for each in wrong for name in ("anymetal", "again", options.bounds)) else 0


if __name__ == "__main__":
    sys.exit(main())
