"""The command `anymetal` as people type it: wrong words, and options that contradict each other."""

import os
import pathlib
import subprocess

import anymetal

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"


def run(*arguments):
    return subprocess.run([ANYMETAL, *map(str, arguments)], capture_output=True, text=True)


def test_wrong_commands_are_usage():
    for arguments in (["complie"], ["complie", "--help"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "did you mean 'compile'?" in done.stderr
    assert run("compile", "--help").returncode == 0
    assert "the commands are: run, bench, tune, port, lint, spot-test, compile" in run("xyzzy", "--help").stderr


def test_options_of_the_command_line_win(tmp_path):
    body = tmp_path / "f.metal"
    body.write_text("//! --input x:float32[4] --output y:float32[4] --math-mode fast\ny[0] = x[0] + x[1];\n")
    own = run("compile", body, "--emit=llvm").stdout
    assert "fadd fast" in own
    given = run("compile", body, "--emit=llvm", "--math-mode=safe").stdout
    assert "fadd" in given and " fast " not in given


def test_function_constants_by_name_and_index(tmp_path):
    text = """#include <metal_stdlib>
constant bool causal [[function_constant(0)]];
constant float scale [[function_constant(4)]];
kernel void f(device float* x, uint i [[thread_position_in_grid]]) { x[i] = causal ? x[i] * scale : 0.0f; }
"""
    (tmp_path / "f.metal").write_text(text)
    done = run("compile", tmp_path / "f.metal", "--emit=llvm", "--constant", "causal=true", "--constant", "4=2.5")
    assert "2.500000e+00" in done.stdout and "fmul" in done.stdout
    for wrong, said in {"caus=true": "`causal` (0), `scale` (4)", "causal=2": "give true, false", "causal": "NAME=VALUE"}.items():
        done = run("compile", tmp_path / "f.metal", "--emit=llvm", "--constant", wrong)
        assert done.returncode != 0 and said in done.stderr


def test_a_file_may_follow_an_option(tmp_path):
    (tmp_path / "k.metal").write_text("#ifdef FAST\nkernel void k(device float* y, uint i [[thread_position_in_grid]]) { y[i] = N; }\n#endif\n")
    for threads in ("64", "8,8"):
        done = run("compile", "-D", "FAST", "-D", "N=2", "--emit", "simt", "--threadgroup", threads, tmp_path / "k.metal")
        assert done.returncode == 0 and "am_threadgroup" in done.stdout, done.stderr


def test_the_cache_is_listed_and_cleared_with_what_lint_keeps(tmp_path):
    (tmp_path / "k.metal").write_text("kernel void k(device float* x, uint i [[thread_position_in_grid]]) { x[i] = 1; }\n")
    settings = {**os.environ, "ANYMETAL_CACHE_DIR": str(tmp_path / "cache")}

    def with_cache(*words):
        return subprocess.run([ANYMETAL, *map(str, words)], capture_output=True, text=True, env=settings)

    with_cache("lint", tmp_path / "k.metal")
    assert "results of lint: 1 (" in with_cache("cache", "list").stdout
    assert ", results of lint: 1" in with_cache("cache", "clear").stdout
    assert "lint" not in with_cache("cache", "list").stdout.replace(str(tmp_path), "")


def test_why_names_lines_of_the_text(tmp_path):
    body = tmp_path / "bins.metal"
    body.write_text("""//! --input x:float32[1024] --output y:float32[16384]
uint i = thread_position_in_grid.x;
float bins[4] = {0, 0, 0, 0};
for (uint k = 0; k < 64; ++k) {
    float v = x[(i + k) % 1024];
    bins[int(v)] += v;
}
y[i] = bins[0] + bins[1] + bins[2] + bins[3];
""")
    whole = tmp_path / "whole.metal"
    whole.write_text("""#include <metal_stdlib>
using namespace metal;
kernel void gather(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  int at = int(x[i]);
  y[i] = x[at & 1023];
}
""")
    for file, place in ((body, "bins.source:6: "), (whole, f"{whole}:5: ")):
        done = run("compile", file, "--emit=asm", "--why")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert any(line.startswith(place) for line in lines), done.stdout
        assert len(set(lines)) == len(lines)
