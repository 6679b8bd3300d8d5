"""Processes that end, or part, while another thread of theirs runs a kernel."""

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numpy")

BUSY = """
    import os, signal, threading, time
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    import numpy as np, anymetal
    kernel = anymetal.Library('''#include <metal_stdlib>
    kernel void adds(device float* x, uint i [[thread_position_in_grid]]) { x[i] += 1; }''').kernel("adds")
    goes = True
    def work():
        x = np.zeros(1 << 22, np.float32)
        while goes:
            kernel(x, grid=1 << 22, threadgroup=256)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    time.sleep(0.3)
"""


def run(script):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(BUSY) + textwrap.dedent(script)], capture_output=True, text=True,
                          timeout=120)


def test_a_daemon_thread_in_a_launch_when_the_process_ends():
    done = run("print('ends')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")


def test_a_forked_child_ends_by_an_interrupt():
    done = run("""
    for _ in range(5):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        time.sleep(0.2)
        os.kill(child, signal.SIGINT)
        print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    goes = False
    thread.join()
    """)
    assert (done.returncode, done.stdout) == (0, "2\n" * 5), done.stderr
