"""`anymetal tune`: what may be chosen, what may not, and that a later run takes what was found. Which candidate is fastest isn't tested."""

import json
import os
import pathlib
import subprocess
import sys

import anymetal
import pytest

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"

# y[i] is right for any threadgroup; z says which one it was.
SCRIPT = """\
import struct
import sys
import anymetal
library = anymetal.Library('''
kernel void plain(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = 2 * x[i]; }
kernel void telling(device uint* z, uint i [[thread_position_in_grid]], uint n [[threads_per_threadgroup]]) { z[i] = n; }
kernel void slow(device float* y, constant uint& turns, uint i [[thread_position_in_grid]]) {
  float s = i;
  for (uint k = 0; k < turns; ++k) s = s * 0.5f + 1;
  y[i] = turns < 1000 ? 3 : s;
}''')
which = sys.argv[1]
out = bytearray(4096)
if which == "plain":
    library.kernel("plain")(anymetal.Buffer(bytearray(4096)), anymetal.Buffer(out), grid=1024, threadgroup=64)
elif which == "telling":
    library.kernel("telling")(anymetal.Buffer(out), grid=1024, threadgroup=64)
    print("threads:", struct.unpack("I", out[:4])[0])
elif which == "declared":
    turns = anymetal.tunable("TURNS", 100000, [100000, 1000, 500, -1], key=1024)
    library.kernel("slow")(anymetal.Buffer(out), turns, grid=64, threadgroup=64)
    print("turns:", turns)
"""


def run(*words, **environment):
    return subprocess.run([ANYMETAL, *map(str, words)], capture_output=True, text=True, env={**os.environ, "ANYMETAL_PYTHON": sys.executable, **environment})


@pytest.fixture
def cache(tmp_path):
    return {"ANYMETAL_CACHE_DIR": str(tmp_path / "cache")}


@pytest.fixture
def script(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path / "script.py"


def tune(tmp_path, cache, *words):
    done = run("tune", "--repeat", 1, "--json", tmp_path / "out.json", *words, **cache)
    assert done.returncode == 0, done.stderr
    return json.loads((tmp_path / "out.json").read_text())["searches"], done.stdout


def test_threadgroups_that_are_right(tmp_path, script, cache):
    (search,), shown = tune(tmp_path, cache, "--threadgroup", "32..128,96", script, "plain")
    sizes = [each["values"]["threadgroup"] for each in search["candidates"]]
    assert sizes == ["64", "32", "128", "96"] and search["candidates"][0]["first"]
    assert not any(each["wrong"] or each["failed"] for each in search["candidates"])
    assert search["best"]["threadgroup"] in sizes and "best" in shown


def test_threadgroups_that_give_something_else_are_never_chosen(tmp_path, script, cache):
    (search,), shown = tune(tmp_path, cache, "--threadgroup", "32..256", script, "telling")
    wrong = [each["values"]["threadgroup"] for each in search["candidates"] if each["wrong"]]
    assert wrong == ["32", "128", "256"] and search["best"] == {"threadgroup": "64"}
    assert "wrong: z: differs from byte 0 on" in shown and "64 stays" in shown


def test_what_was_found_is_used_if_asked_for(tmp_path, script, cache):
    threads = lambda **more: run("run", script, "telling", **cache, **more).stdout
    assert threads() == threads(ANYMETAL_TUNED="1") == "threads: 64\n"
    # What a user would see who took a wrong size on purpose.
    done = run("run", "-c", f"""
import sys
sys.argv = ["x", "telling"]
from anymetal._library import _native
native = _native()
native.start_recording("")
exec(open({str(script)!r}).read())
native.stop_recording()[0].remember_threadgroup([32, 1, 1])
""", **cache)
    assert done.returncode == 0, done.stderr
    assert threads() == threads(ANYMETAL_TUNED="0") == "threads: 64\n"
    assert threads(ANYMETAL_TUNED="1") == "threads: 32\n"
    assert "tuned" in run("cache", "list", **cache).stdout


def test_values_that_a_script_declares(tmp_path, script, cache):
    (search,), shown = tune(tmp_path, cache, script, "declared")
    by = {each["values"]["TURNS"]: each for each in search["candidates"]}
    assert list(by) == ["100000", "1000", "500", "-1"] and by["100000"]["first"]
    assert by["500"]["wrong"].startswith("y[0]: 3 instead of 2") and by["-1"]["failed"] and not by["1000"]["wrong"]
    assert shown.count("turns: ") == 1  # the script speaks once
    assert search["best"] == {"TURNS": "1000"}  # a hundredth of the work
    assert run("run", script, "declared", **cache).stdout == "turns: 1000\n"
    assert run("run", script, "declared", ANYMETAL_TUNED="0", **cache).stdout == "turns: 100000\n"


def test_random_numbers_begin_alike_in_each_run(tmp_path, cache):
    pytest.importorskip("mlx.core")
    script = tmp_path / "noise.py"
    script.write_text("""\
import random
import mlx.core as mx
import anymetal
threads = anymetal.tunable("threads", 32, [32, 64])
kernel = mx.fast.metal_kernel(name="twice", input_names=["x"], output_names=["y"], source="y[thread_position_in_grid.x] = 2 * x[thread_position_in_grid.x];")
x = mx.random.normal((256,)) + random.random()
y, = kernel(inputs=[x], grid=(256, 1, 1), threadgroup=(threads, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
mx.eval(y)
""")
    (search,), _ = tune(tmp_path, cache, script)
    assert [each["wrong"] for each in search["candidates"]] == [None, None]


def test_template_values_of_a_body(tmp_path, cache):
    body = tmp_path / "rows.metal"
    body.write_text("//! --input x:float32[1024] --output y:float32[1024]\n"
                    "uint i = thread_position_in_grid.x * N;\nfor (uint k = 0; k < N; ++k) y[i + k] = 2 * x[i + k];\n")
    (search,), _ = tune(tmp_path, cache, body, "--template", "N=1,4,16,2000", "--grid", "1024//N")
    assert [each["values"]["N"] for each in search["candidates"]] == ["1", "4", "16", "2000"]
    assert [bool(each["wrong"] or each["failed"]) for each in search["candidates"]] == [False, False, False, True]


def test_function_constants_of_a_file(tmp_path, cache):
    file = tmp_path / "f.metal"
    file.write_text("constant uint width [[function_constant(0)]];\n"
                    "kernel void f(device float* y, uint i [[thread_position_in_grid]]) { y[i] = width < 8 ? 1 : 2; }\n")
    (search,), _ = tune(tmp_path, cache, file, "--constant", "width=2,4,8", "--argument", "y:float32[64]", "--grid", 64, "--threadgroup", "32,64")
    wrong = {(each["values"]["width"], each["values"]["threadgroup"]): bool(each["wrong"]) for each in search["candidates"]}
    assert len(wrong) == 6 and all(is_wrong == (width == "8") for (width, _), is_wrong in wrong.items())


def test_mistakes(tmp_path, script, cache):
    for words, complaint in [
            (["--threadgroup", "many", script, "plain"], "`many` is neither a size (64, 16x16) nor a span"),
            (["--threadgroup", "2048", script, "plain"], "no size that fits a grid of 1024 and at most 1024 threads"),
            ([tmp_path / "none.py"], "there is no file"),
    ]:
        done = run("tune", *words, **cache)
        assert done.returncode == 2 and complaint in done.stderr


def test_tunable_without_tune(monkeypatch, tmp_path):
    monkeypatch.setenv("ANYMETAL_TUNED", "0")
    assert anymetal.tunable("T", 8, [4, 8]) == 8
    with pytest.raises(ValueError, match="the default 3 isn't among the values"):
        anymetal.tunable("T", 3, [4, 8])
