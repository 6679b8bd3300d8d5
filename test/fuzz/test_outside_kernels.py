"""Random kernels that leave their variables and tables, and the model that says what they give."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
FOLDER = Path(__file__).resolve().parents[2] / "fuzz" / "outside"


def run(*options, **settings):
    done = subprocess.run([sys.executable, str(FOLDER), *options], env={**os.environ, "ANYMETAL_BOUNDS": "robust", **settings},
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("level", ["", "avx2"])
def test_kernels_without_a_difference(level):
    status, text = run("--seed", "900000", "--count", "25", ANYMETAL_CPU=level)
    assert status == 0, text


def test_copies_of_structs_whose_size_is_no_multiple_of_their_variables_alignment():
    status, text = run("--seed", "260", "--count", "1")
    assert status == 0, text


def test_a_kernel_is_shown():
    status, text = run("--seed", "3", "--show")
    assert status == 0 and text.count("kernel void outside(") == 1


def test_what_the_model_says_of_the_ends():
    spec = importlib.util.spec_from_file_location("memory", FOLDER / "memory.py")
    memory = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(memory)
    a = memory.Memory(bytes(range(1, 9)))
    assert [a.read(at, "i") for at in (-1, 0, 4, 5)] == [0, 0x04030201, 0x08070605, 0]
    assert [a.read(at, "ii.1") for at in (0, 1)] == [0x08070605, 0]
    a.write(6, "i", -1)
    a.write(7, "b", -1)
    assert a.content == bytearray([1, 2, 3, 4, 5, 6, 7, 255])
    b = memory.Memory(bytes(8))
    memory.copy(b, 4, a, 4, 4)
    memory.copy(b, 2, a, 5, 4)
    memory.copy(b, 5, a, 0, 4)
    assert b.content == bytearray([0, 0, 0, 0, 0, 0, 7, 255])
