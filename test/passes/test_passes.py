"""Passes one at a time: each .metal file here names one, and says by FileCheck's lines what is there after it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import anymetal

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(anymetal.__file__).absolute().parents[2]
ANYMETAL = BUILD / "tools" / "anymetal"
FILECHECK = shutil.which("FileCheck-19") or "/usr/lib/llvm-19/bin/FileCheck"


def run(*arguments, **settings):
    return subprocess.run([ANYMETAL, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, "ANYMETAL_VERIFY": "each", **settings})


def listed_passes():
    """Names by what --emit has them: tokens, llvm or simt."""
    names = {"tokens": [], "llvm": [], "simt": []}
    for line in run("compile", "--emit=passes").stdout.splitlines():
        if heading := re.search(r"--emit=(\w+)", line):
            emit = heading[1]
        else:
            names[emit].append(line.split()[0])
    return names


@pytest.mark.parametrize("file", sorted(HERE.glob("*.metal")), ids=lambda file: file.stem)
def test_pass(file):
    name = re.search(r"// PASS: (\S+)", file.read_text())[1]
    assert file.stem.startswith(name)
    emit = "tokens" if name in listed_passes()["tokens"] else "llvm"
    done = run("compile", file, f"--emit={emit}", f"--stop-after={name}")
    assert done.returncode == 0, done.stderr
    checked = subprocess.run([FILECHECK, file], input=done.stdout, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr + done.stdout


def test_every_pass_runs_alone(tmp_path):
    file = tmp_path / "sum.metal"
    file.write_text("""#include <metal_stdlib>
using namespace metal;
kernel void k(device const float* x [[buffer(0)]], device float* y [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  threadgroup float t[32];
  float s = 0;
  for (uint j = 0; j < 9; ++j) s += x[i + j];
  t[i % 32] = s;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = simd_sum(t[31 - i % 32]);
}
""")
    shown = {}
    for emit, names in listed_passes().items():
        assert len(names) > 5
        for name in names:
            done = run("compile", file, f"--emit={emit}", f"--stop-after={name}")
            assert done.returncode == 0, name + done.stderr
            shown.setdefault(name, done.stdout)  # of two executors, the reference's
    # They differ, so each name stops somewhere else.
    assert shown["inline-calls"] != shown["make-thread-function"] != shown["lower-builtins"] != shown["optimise"]
    assert "am_meet" in shown["number-meeting-points"] and "am_meet" not in shown["instrument-bounds"]


def test_each_pass_is_timed(tmp_path):
    file = tmp_path / "twice.metal"
    file.write_text("""kernel void twice(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  y[i] = 2 * x[i];
}
""")
    done = run("compile", file, "--emit=simt", "--time")
    assert done.returncode == 0, done.stderr
    rows = [line.rsplit(None, 2) for line in done.stdout.splitlines()[2:-2]]
    assert [row[0] for row in rows] == ["emit", *listed_passes()["simt"]]
    assert all(float(time) >= 0 and int(instructions) > 0 for _, time, instructions in rows)
    times = [float(found) for found in re.findall(r"\d+\.\d\d", done.stdout)]
    assert times[-1] == pytest.approx(sum(times[:-1]), abs=0.2) and times[-1] > 0
    assert run("compile", file, "--emit=asm", "--time").returncode == 2


def test_unrolled_as_asked_if_it_fits():
    file = HERE.parent / "run" / "loops_asked_to_be_unrolled.metal"
    # Tried as the text asks, then otherwise; and vectors are made of it.
    tried = run("compile", file, "--emit=simt", "--time", "--threadgroup", 32).stdout
    assert tried.count("optimise-thread ") == 2 and tried.count("vectorize ") == 1
    sizes = [int(size) for size in re.findall(r"optimise-thread +\S+ +(\d+)", tried)]
    assert sizes[0] > 12_000 and sizes[1] < 1_000
    assert "reference executor" not in run("compile", file, "--emit=simt", "--why", "--threadgroup", 32).stdout


def test_wrong_names_are_usage():
    done = run("compile", "k.metal", "--emit=llvm", "--stop-after=optimize")
    assert done.returncode == 2
    assert "no pass 'optimize'" in done.stderr and "lower-builtins" in done.stderr
    assert run("compile", "k.metal", "--emit=asm", "--stop-after=optimise").returncode == 2
    assert run("compile", "--emit=llvm").returncode == 2
