"""The exceptions of wrong calls: types and texts are MLX's own, asked from MLX itself. Off Apple it makes these checks too while a
call is traced for export, so a process without anymetal is the oracle."""

import json
import subprocess
import sys

import mlx.core as mx
import pytest

MAKE = dict(name="k", input_names=["x"], output_names=["y"], source="y[0] = x[0];")
CALL = dict(inputs=["array"], output_shapes=[(1,)], output_dtypes=["float32"], grid=(1, 1, 1), threadgroup=(1, 1, 1))

# Name of the case: changes of what makes the kernel, changes of its call.
CASES = {
    "no outputs": (dict(output_names=[]), {}),
    "too few inputs": ({}, dict(inputs=[])),
    "too many inputs": ({}, dict(inputs=["array", "array", "array"])),
    "too many output shapes": ({}, dict(output_shapes=[(1,), (2,)])),
    "no output shapes": ({}, dict(output_shapes=[])),
    "no output dtypes": ({}, dict(output_dtypes=[])),
    "several at once": ({}, dict(inputs=[], output_shapes=[], output_dtypes=[])),
    "on the CPU": ({}, dict(stream="cpu")),
    "inputs before the stream": ({}, dict(inputs=[], stream="cpu")),
    "grid of two": ({}, dict(grid=(1, 1))),
    "grid of floats": ({}, dict(grid=(1.5, 1, 1))),
    "grid of float arrays": ({}, dict(grid=("array", 1, 1))),
    "no grid": ({}, dict(grid=None)),
    "template of floats": ({}, dict(template=[("N", 1.5)])),
    "template of text": ({}, dict(template=[("N", "float")])),
    "template without a name": ({}, dict(template=[1])),
    "input of text": ({}, dict(inputs=["text"])),
    "shape of floats": ({}, dict(output_shapes=[(1.5,)])),
    "unknown argument": ({}, dict(threads=(1, 1, 1))),
    "options of text": (dict(compile_options="fast"), {}),
    "unknown option": (dict(compile_options={"speed": "fast"}), {}),
    "unknown math mode": (dict(compile_options={"math_mode": "loose"}), {}),
    "source that is no text": (dict(source=3), {}),
}


def attempt(mx, name):
    """The exception of a case as [type, text]; ["", ""] if there was none."""
    def convert(value):
        if isinstance(value, (list, tuple)):
            return type(value)(convert(item) for item in value)
        values = {"array": mx.ones((8,)), "float32": mx.float32, "cpu": mx.cpu}
        return values.get(value, value) if isinstance(value, str) else value

    make, call = CASES[name]
    try:
        kernel = mx.fast.metal_kernel(**{**MAKE, **make})
        kernel(**{key: convert(value) for key, value in {**CALL, **call}.items()})
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["", ""]


def ask_mlx():
    """In a process without anymetal: each case while a function is traced for export."""
    import mlx.core as mx
    answers = {}

    def trace(x):
        answers.update({name: attempt(mx, name) for name in CASES})
        return x

    mx.export_function(lambda _: None, trace, mx.ones((1,)))
    print(json.dumps(answers))


@pytest.fixture(scope="module")
def oracle():
    done = subprocess.run([sys.executable, __file__], text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_the_exception_is_mlx_s(oracle, name):
    assert oracle[name][0], f"MLX takes this: {name}"
    assert attempt(mx, name) == oracle[name]


if __name__ == "__main__":
    ask_mlx()
