"""Random kernels in which it matters who is together, and the model that goes through them in lockstep."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
FOLDER = Path(__file__).resolve().parents[2] / "fuzz" / "lockstep"


def run(*command, **settings):
    done = subprocess.run([sys.executable, *command], env={**os.environ, "ANYMETAL_BOUNDS": "robust", **settings}, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("level", ["", "avx2"])
def test_kernels_without_a_difference(level):
    status, text = run(str(FOLDER), "--seed", "900000", "--count", "20", ANYMETAL_CPU=level)
    assert status == 0, text


def test_a_model_that_is_wrong_is_seen():
    wrong = "lanes.EACH['simd_is_first'] = lambda a, lanes: lanes == 0"
    status, text = run("-c", f"import runpy, sys; sys.path.insert(0, {str(FOLDER)!r}); import lanes; {wrong}; "
                             f"sys.argv = ['lockstep', '--count', '20']; runpy.run_path({str(FOLDER)!r}, run_name='__main__')")
    assert status == 1 and "findings" in text and "0 findings" not in text, text


def test_a_kernel_is_shown():
    status, text = run(str(FOLDER), "--seed", "3", "--show")
    assert status == 0 and text.count("kernel void lockstep(") == 1


@pytest.fixture(scope="module")
def model():
    """Runs statements on five threads, whose x is 0 to 4; what becomes of y."""
    modules, before = ("lanes", "constructs"), list(sys.path)
    sys.path.insert(0, str(FOLDER))
    lanes, constructs = (__import__(name) for name in modules)
    sys.path[:] = before
    for name in modules:
        del sys.modules[name]

    def end(*body):
        number = dict.fromkeys(("y", "k"), np.zeros(5, np.int32))
        five = lanes.Lanes(5, {"x": np.arange(5, dtype=np.int32), **number}, np.zeros(1, np.int32))
        constructs.Block(list(body)).run(five, five.alive.copy(), constructs.Exits(five.nobody(), five.nobody(), five.nobody()))
        return five.numbers["y"].tolist()

    return constructs, end


def test_who_leaves_a_loop_is_alone_before_and_together_behind(model):
    make, end = model
    arm = make.If("(x & 1) == k", make.Block([make.Set("y", "simd_sum(x)"), make.Leave("break")]))
    loop = make.Loop("for", "k < 9", make.Block([arm]), make.Set("k", "k + 1"))
    assert end(loop) == [6, 4, 6, 4, 6]
    assert end(loop, make.Set("y", "y * 10 + simd_count(true)")) == [65, 45, 65, 45, 65]


def test_who_continues_waits_for_the_end_of_the_turn(model):
    make, end = model
    skip = make.If("x < k", make.Block([make.Leave("continue")]))
    turn = make.Block([make.Set("k", "k + 1"), skip, make.Set("y", "y * 10 + simd_count(true)")])
    assert end(make.Loop("do", "k < 3", turn)) == [0, 4, 43, 432, 432]


def test_a_switch_that_falls_through_and_one_that_jumps_into_a_loop(model):
    make, end = model
    count, first, second, others = make.Set("y", "y * 10 + simd_count(true)"), make.Label(1), make.Label(2), make.Label()
    switch = make.Switch("x", [first, second, others], make.Block([first, count, second, count, make.Leave("break"), others, make.Set("y", "7")]))
    assert end(switch) == [7, 12, 2, 7, 7]
    zero, one = make.Label(0), make.Label(1)
    loop = make.Loop("do", "k < 2", make.Block([make.Set("k", "k + 1"), count, one, count]))
    assert end(make.Switch("x & 1", [zero, one], make.Block([zero, loop]))) == [3555, 55522, 3555, 55522, 3555]


def test_a_choice_evaluates_one_side(model):
    make, end = model
    assert end(make.Set("y", make.Choice("x < 2", "simd_sum(1 + x)", "simd_count(true) * 10"))) == [3, 3, 30, 30, 30]
    assert end(make.Set("y", make.Choice("x < 2", "simd_count(true) == 2", "false"))) == [1, 1, 0, 0, 0]
