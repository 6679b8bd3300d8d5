"""`anymetal compile --emit=asm --annotate`: the same instructions as without it, below the right lines."""

import os
import pathlib
import re
import subprocess

import anymetal
import pytest

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"

BODY = """\
//! --input x:float32[4096,256] --input index:int32[4096] --output y:float32[4096]
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < uint(index[i]); ++k) {
  sum += x[index[k] * 256 + i];
}
if (sum > 3.0f) {
  y[i] = metal::exp(sum);
}
"""

EXECUTORS = [{"ANYMETAL_EXECUTOR": "cpu", "ANYMETAL_BOUNDS": "off"}, {"ANYMETAL_EXECUTOR": "cpu", "ANYMETAL_BOUNDS": "robust"},
             {"ANYMETAL_EXECUTOR": "reference", "ANYMETAL_BOUNDS": "error"}]


def compile(file, *options, **environment):
    done = subprocess.run([ANYMETAL, "compile", file, *options], capture_output=True, text=True, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def instructions(assembly):
    """Names of instructions alone: labels and constants are numbered otherwise."""
    code = re.split(r"\.section\s+\.(?:debug|note|stack|rodata)", assembly.split("am_thread", 1)[1])[0] if "am_thread" in assembly else assembly
    return [match[1] for match in re.finditer(r"^\t([a-z]\w+)(?:\s|$)", code, re.M)]


@pytest.mark.parametrize("environment", EXECUTORS, ids=lambda each: "-".join(each.values()))
def test_lines_beside_machine_code(tmp_path, environment):
    file = tmp_path / "sums.metal"
    file.write_text(BODY)
    status, out, err = compile(file, "--emit=asm", "--annotate", "--threadgroup", "64", **environment)
    assert status == 0, err
    listing, counts = out.split("\nInstructions of each line")
    assert re.search(r"^sums\.source:5 +sum \+= x\[index\[k\] \* 256 \+ i\];$", listing, re.M)
    assert re.search(r"^sums\.source:8 +y\[i\] = metal::exp\(sum\);$", listing, re.M)
    assert "<metal" not in out and "/anymetal/" not in out
    rows = [line.split() for line in counts.splitlines() if line.startswith("sums.source:")]
    by = {int(row[0].split(":")[1]): row for row in rows}
    assert int(by[5][1]) >= 1 and int(by[5][2]) >= 1  # in a loop
    assert sum(int(row[3]) for row in rows) > 10
    if environment["ANYMETAL_EXECUTOR"] == "cpu":
        assert "masked" in listing and by[8][9] != "."


@pytest.mark.parametrize("environment", EXECUTORS, ids=lambda each: "-".join(each.values()))
def test_it_is_the_code_that_runs(tmp_path, environment):
    file = tmp_path / "sums.metal"
    file.write_text(BODY)
    _, plain, _ = compile(file, "--emit=asm", "--threadgroup", "64", **environment)
    _, out, _ = compile(file, "--emit=asm", "--annotate", "--threadgroup", "64", **environment)
    annotated = [line[6:].split()[0] for line in out.split("\nInstructions of each line")[0].splitlines() if re.match(r"  [| ]{3} \S", line)]
    assert annotated == instructions(plain)


def test_files_of_the_user(tmp_path):
    (tmp_path / "twice.h").write_text("inline float twice(float x) {\n  return 2 * x;\n}\n")
    (tmp_path / "whole.metal").write_text('#include <metal_stdlib>\n#include "twice.h"\n'
                                          "kernel void f(device float* y, uint i [[thread_position_in_grid]]) {\n  y[i] = twice(y[i]);\n}\n")
    status, out, err = compile(tmp_path / "whole.metal", "--emit=asm", "--annotate", "-I", tmp_path)
    assert status == 0, err
    assert re.search(r"whole\.metal:4 +y\[i\] = twice\(y\[i\]\);", out) and re.search(r"twice\.h:2 +return 2 \* x;", out)


def test_mistakes(tmp_path):
    (tmp_path / "f.metal").write_text("kernel void f() {}")
    status, _, err = compile(tmp_path / "f.metal", "--annotate")
    assert status == 2 and "--annotate needs --emit=asm" in err
