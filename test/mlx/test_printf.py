"""What kernels print, as users of MLX see it: on stderr, by threadgroups, with the thread on request, or not at all."""

import os
import subprocess
import sys

SCRIPT = """
import anymetal
import mlx.core as mx

kernel = mx.fast.metal_kernel(
    name="say", input_names=["x"], output_names=["y"],
    source='''
    uint i = thread_position_in_grid.x;
    y[i] = x[i] * 2;
    if (i % 3 == 0) printf("%u: %.1f\\\\n", i, y[i]);
    if (i == 4) metal::os_log_default.log_error("half of it: %v2f", float2(y[i]));
    ''')
x = mx.arange(8, dtype=mx.float32)
(y,) = kernel(inputs=[x], output_shapes=[(8,)], output_dtypes=[mx.float32], grid=(8, 1, 1), threadgroup=(2, 1, 1))
print(y.tolist())
"""


def run(**environment):
    done = subprocess.run([sys.executable, "-c", SCRIPT], text=True, capture_output=True, timeout=120,
                          env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([2.0 * i for i in range(8)])
    return done.stderr.splitlines()


def test_lines_come_in_order():
    assert run() == ["0: 0.0", "3: 6.0", "error: half of it: 8.000000,8.000000", "6: 12.0"]


def test_threads_on_request():
    assert run(ANYMETAL_MESSAGES="threads") == [
        "thread (0, 0, 0): 0: 0.0",
        "thread (3, 0, 0): 3: 6.0",
        "thread (4, 0, 0): error: half of it: 8.000000,8.000000",
        "thread (6, 0, 0): 6: 12.0",
    ]


def test_silence_and_limits():
    assert run(ANYMETAL_MESSAGES="off") == []
    lines = run(ANYMETAL_MESSAGES_SIZE="200")
    assert lines[0] == "0: 0.0" and "3 more messages" in lines[-1] and "ANYMETAL_MESSAGES_SIZE" in lines[-1]


def test_each_launch_prints_once_while_outputs_are_watched():
    assert run(ANYMETAL_WARN="coverage").count("0: 0.0") == 1
