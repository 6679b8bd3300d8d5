"""MLX's gates while anymetal is active: what programs ask before they take their kernels."""

import os
import subprocess
import sys
import textwrap
import threading

import mlx.core as mx
import numpy as np
import pytest


def run_script(script, *arguments, **environment):
    return subprocess.run([sys.executable, *arguments, "-c", textwrap.dedent(script)], text=True, capture_output=True,
                          timeout=120, env={**os.environ, **environment})


def test_the_questions_that_scripts_ask():
    assert mx.metal.is_available()
    assert mx.is_available(mx.gpu) and mx.is_available(mx.Device(mx.gpu, 0)) and mx.is_available(mx.cpu)
    assert not mx.is_available(mx.Device(mx.gpu, 1))
    assert mx.device_count(mx.gpu) == 1
    assert mx.default_device() == mx.gpu
    assert "gpu" in str(mx.default_device())


def test_device_info():
    for info in (mx.device_info(), mx.device_info(mx.gpu), mx.metal.device_info()):
        assert info["device_name"].startswith("anymetal")
        assert info["architecture"].startswith("applegpu")
        for key in ("max_buffer_length", "max_recommended_working_set_size", "memory_size", "resource_limit"):
            assert info[key] > 0
    assert mx.device_info(mx.cpu) != mx.device_info(mx.gpu)


def test_default_device_can_be_changed():
    mx.set_default_device(mx.cpu)
    try:
        assert mx.default_device() == mx.cpu
        assert (mx.ones((2,)) + 1).tolist() == [2.0, 2.0]
    finally:
        mx.set_default_device(mx.gpu)
    assert mx.default_device() == mx.gpu


def test_streams_have_the_label_gpu():
    first, second = mx.new_stream(mx.gpu), mx.new_stream(mx.gpu)
    assert first.device == mx.gpu and first != second
    assert mx.default_stream(mx.gpu).device == mx.gpu
    assert mx.default_stream(mx.cpu).device == mx.cpu
    assert mx.default_stream(mx.gpu) == mx.default_stream(mx.default_device())
    with mx.stream(first):
        assert mx.default_stream(mx.gpu) == first
        a = mx.arange(4) * 2
    assert mx.default_stream(mx.gpu) != first
    with mx.stream(mx.cpu):
        assert mx.default_device() == mx.cpu
    b = mx.add(a, 1, stream=second)
    c = mx.add(b, 1, stream=mx.cpu)
    d = mx.add(c, 1, stream=mx.gpu)
    mx.synchronize(first)
    mx.synchronize(second)
    mx.synchronize(mx.gpu)
    mx.synchronize()
    assert d.tolist() == [3, 5, 7, 9]


def test_streams_that_change_threads():
    shared, own = mx.new_thread_unsafe_stream(mx.gpu), mx.new_thread_local_stream(mx.gpu)
    assert shared.device == mx.gpu and own.device == mx.gpu
    seen = []

    def work():
        seen.append(mx.add(mx.ones((3,)), 1, stream=shared).tolist())
        with mx.stream(own):
            seen.append((mx.ones((3,)) * 4).tolist())
        mx.synchronize(own)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[2.0] * 3, [4.0] * 3]


def test_memory_is_exported_as_the_cpu_s():
    a = mx.arange(6, dtype=mx.float32)
    assert a.__dlpack_device__() == (1, 0)
    assert np.from_dlpack(a).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.array(a, copy=False).tolist() == [0, 1, 2, 3, 4, 5]


def test_kernels_only_support_the_gpu():
    kernel = mx.fast.metal_kernel(name="k", input_names=["x"], output_names=["y"], source="y[0] = x[0];")
    call = dict(inputs=[mx.ones((8,))], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1), threadgroup=(1, 1, 1))
    for where in (mx.cpu, mx.default_stream(mx.cpu)):
        with pytest.raises(ValueError, match=r"^\[metal_kernel\] Only supports the GPU\.$"):
            kernel(**call, stream=where)
    for where in (None, mx.gpu, mx.new_stream(mx.gpu)):
        assert kernel(**call, stream=where)[0].item() == 1.0


def test_gates_off_leaves_mlx_as_it_is():
    done = run_script("""
        import anymetal, mlx.core as mx
        assert not mx.metal.is_available() and not mx.is_available(mx.gpu)
        assert mx.default_device() == mx.cpu and mx.device_count(mx.gpu) == 0
        try:
            mx.new_stream(mx.gpu)
        except ValueError as error:
            print(error)
        kernel = mx.fast.metal_kernel(name="k", input_names=["x"], output_names=["y"], source="y[0] = x[0] + 1;")
        print(kernel(inputs=[mx.ones((8,))], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1),
                     threadgroup=(1, 1, 1))[0].item())
    """, ANYMETAL_GATES="off")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[new_stream] Cannot make gpu stream without gpu backend.", "2.0"]


@pytest.mark.parametrize("order", ["import anymetal; import mlx.core as mx", "import mlx.core as mx; import anymetal",
                                   "import mlx.core as mx; mx.eval(mx.ones((2,))); import anymetal"])
def test_the_order_of_imports_does_not_matter(order):
    done = run_script(order + """
assert mx.default_device() == mx.gpu and mx.metal.is_available()
kernel = mx.fast.metal_kernel(name="k", input_names=["x"], output_names=["y"], source="y[0] = x[0] + 1;")
out = kernel(inputs=[mx.ones((8,))], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1), threadgroup=(1, 1, 1))
assert out[0].item() == 2.0 and anymetal.launches() == 1
""")
    assert done.returncode == 0, done.stderr


def test_capture(tmp_path):
    folder = tmp_path / "capture.gputrace"
    kernel = mx.fast.metal_kernel(name="captured", input_names=["x"], output_names=["y"], source="y[0] = x[0] + 1;")
    mx.metal.start_capture(str(folder))
    mx.eval(kernel(inputs=[mx.ones((8,))], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1), threadgroup=(1, 1, 1)))
    mx.metal.stop_capture()
    lines = (folder / "launches.jsonl").read_text().splitlines()
    assert len(lines) == 1 and "captured" in lines[0]
    assert any("x[0] + 1" in text.read_text() for text in folder.glob("*.metal"))


def test_trace_names_each_launch():
    done = run_script("""
        import mlx.core as mx
        kernel = mx.fast.metal_kernel(name="traced", input_names=["x"], output_names=["y"], source="y[0] = x[0] + 1;")
        mx.eval(kernel(inputs=[mx.ones((8,))], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(3, 1, 1), threadgroup=(1, 1, 1)))
    """, "-m", "anymetal", ANYMETAL_TRACE="1")
    assert done.returncode == 0, done.stderr
    assert "traced" in done.stderr and "3" in done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing(tmp_path, method):
    """Those that begin anew are as those of `python -m anymetal`, though the script doesn't import anymetal."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(f"""
        import multiprocessing
        import mlx.core as mx

        def increased(n):
            kernel = mx.fast.metal_kernel(name="inc", input_names=["x"], output_names=["y"], source="y[0] = x[0] + 1;")
            x = mx.full((1,), n)
            return kernel(inputs=[x], output_shapes=[(1,)], output_dtypes=[x.dtype], grid=(1, 1, 1), threadgroup=(1, 1, 1))[0].item()

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            if "{method}" == "forkserver":
                context.set_forkserver_preload(["json"])
            with context.Pool(2) as pool:
                print(pool.map(increased, range(3)))
        """))
    done = subprocess.run([sys.executable, "-m", "anymetal", script], text=True, capture_output=True, timeout=120)
    assert done.stdout == "[1, 2, 3]\n", done.stderr
