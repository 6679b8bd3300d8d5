"""How launches sit in MLX's graph: lazy, ordered on their streams, recorded for export, and what their failures do."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import anymetal
import mlx.core as mx
import numpy as np
import pytest

# Without checks these would corrupt memory.
def make(source="uint i = thread_position_in_grid.x; y[i] = x[i] * 2.0f;", name="twice", **options):
    kernel = mx.fast.metal_kernel(name=name, input_names=["x"], output_names=["y"], source=source, **options)

    def call(x, **more):
        return kernel(inputs=[x], output_shapes=[x.shape], output_dtypes=[x.dtype], grid=(x.size, 1, 1),
                      threadgroup=(min(x.size, 32), 1, 1), **more)[0]
    return call


twice = make()
outside = make("uint i = thread_position_in_grid.x; y[i] = x[i + 100000];", name="outside")


def test_nothing_runs_before_it_is_needed():
    before = anymetal.launches()
    y = twice(twice(mx.ones((64,))))
    assert anymetal.launches() == before
    mx.eval(y)
    assert anymetal.launches() == before + 2
    assert y.tolist() == [4.0] * 64


def test_under_compile():
    f = mx.compile(lambda x: mx.exp(twice(x + 1)) - twice(x))
    x = mx.linspace(-1, 1, 64)
    for _ in range(3):
        np.testing.assert_allclose(np.array(f(x)), np.exp((np.array(x) + 1) * 2) - np.array(x) * 2, rtol=1e-5)


def test_async_eval_and_synchronize():
    y = twice(mx.ones((64,)))
    mx.async_eval(y)
    mx.synchronize()
    assert y.tolist() == [2.0] * 64


def test_streams_depend_on_each_other():
    streams = [mx.new_stream(mx.gpu) for _ in range(3)]
    x = mx.ones((256,))
    for i in range(30):
        x = twice(x, stream=streams[i % 3]) * 0.5
    assert x.tolist() == [1.0] * 256


def test_two_streams_overlap():
    """While one stream is held by a kernel that only ANYMETAL_TIMEOUT ends, another one gets its work done."""
    script = """
        import time, mlx.core as mx
        def kernel(name, source):
            make = mx.fast.metal_kernel(name=name, input_names=["x"], output_names=["y"], source=source)
            return lambda x, stream: make(inputs=[x], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1),
                                          threadgroup=(1, 1, 1), stream=stream)[0]
        endless = kernel("endless", "while (x[0] == 0) { } y[0] = 1;")
        quick = kernel("quick", "y[0] = x[0] + 1;")
        first, second = mx.new_stream(mx.gpu), mx.new_stream(mx.gpu)
        x = mx.zeros((16,))
        mx.eval(x, quick(x, second))
        held = endless(x, first)
        mx.async_eval(held)
        start = time.monotonic()
        assert quick(x + 1, second).item() == 2.0
        assert time.monotonic() - start < 10, "the second stream waited for the first"
        try:
            mx.eval(held)
        except RuntimeError as error:
            assert "ANYMETAL_TIMEOUT" in str(error), error
            print("held")
    """
    done = subprocess.run([sys.executable, "-m", "anymetal", "-c", textwrap.dedent(script)], text=True, capture_output=True,
                          timeout=120, env={**os.environ, "ANYMETAL_TIMEOUT": "12"})
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr


def test_from_several_threads():
    results = []

    def work(value):
        with mx.stream(mx.new_stream(mx.gpu)):
            for _ in range(20):
                results.append(twice(mx.full((33,), value)).tolist() == [2.0 * value] * 33)

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 80


@pytest.mark.parametrize("transform", ["jvp", "vjp", "vmap"])
def test_transforms_say_what_mlx_says(transform):
    x = mx.ones((4,))
    with pytest.raises(ValueError, match=rf"\[Primitive::{transform}\] Not implemented for CustomKernel\."):
        if transform == "vmap":
            mx.eval(mx.vmap(twice)(mx.ones((2, 4))))
        else:
            mx.eval(getattr(mx, transform)(twice, [x], [x]))


def test_views_that_run_backwards():
    x = mx.arange(10, dtype=mx.float32)[::-1]
    strided = make("uint i = thread_position_in_grid.x; y[i] = x[elem_to_loc(i, x_shape, x_strides, x_ndim)];", name="backwards",
                   ensure_row_contiguous=False)
    assert strided(x).tolist() == list(range(9, -1, -1))
    assert twice(x).tolist() == [2.0 * i for i in range(9, -1, -1)]


def test_init_value():
    untouched = make("if (thread_position_in_grid.x == 0) { y[0] = x[0]; }", name="untouched")
    assert untouched(mx.ones((8,)), init_value=3).tolist() == [1.0] + [3.0] * 7


READERS = {
    "eval": mx.eval, "item": lambda y: y[0].item(), "tolist": lambda y: y.tolist(), "numpy": lambda y: np.array(y),
    "numpy of a consumer": lambda y: np.array(y + 1), "on the CPU": lambda y: mx.add(y, 1, stream=mx.cpu).tolist(),
    "async": lambda y: (mx.async_eval(y), mx.synchronize()), "print": lambda y: str(y),
}


@pytest.mark.stops_outside
@pytest.mark.parametrize("how", READERS)
def test_a_failure_reaches_every_reader(how):
    with pytest.raises(RuntimeError, match="read outside buffer 'x' at outside.source:1"):
        READERS[how](outside(mx.ones((64,))))
    assert twice(mx.ones((4,))).tolist() == [2.0] * 4


@pytest.mark.stops_outside
def test_a_failed_array_fails_again():
    y = outside(mx.ones((64,)))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="read outside"):
            np.array(y)


@pytest.mark.stops_outside
@pytest.mark.parametrize("is_known", [True, False])
def test_what_is_made_of_a_failed_array_fails(is_known):
    y = outside(mx.ones((64,)))
    if is_known:
        with pytest.raises(RuntimeError, match="read outside"):
            mx.eval(y)
    else:
        mx.async_eval(y)
        time.sleep(0.1)
    z = mx.exp(y + 1)
    for how in ("numpy of a consumer", "eval", "async", "tolist"):
        with pytest.raises(RuntimeError, match="read outside"):
            READERS[how](z)
    assert twice(mx.ones((4,))).tolist() == [2.0] * 4


FAILS = {
    "a sum": lambda y: mx.sum(y), "a view": lambda y: y.reshape(8, 8), "with another": lambda y: y + mx.ones((64,)),
    "another launch": lambda y: twice(y), "on another stream": lambda y: mx.add(y, 1, stream=mx.cpu), "both of": lambda y: mx.divmod(y, y)[0],
}


@pytest.mark.stops_outside
@pytest.mark.parametrize("what", FAILS)
def test_what_comes_from_a_failure_fails_and_nothing_else(what):
    """Together on one stream, and whoever is read first."""
    for is_first in (False, True):
        x = mx.ones((64,))
        mx.eval(x)
        view, good, bad = x.reshape(8, 8), twice(x), FAILS[what](outside(x))
        mx.async_eval(*((bad, good, view) if is_first else (view, good, bad)))
        for _ in range(2):
            assert good.tolist() == [2.0] * 64 and view.tolist() == [[1.0] * 8] * 8 and mx.sum(x).item() == 64
            with pytest.raises(RuntimeError, match="read outside"):
                bad.tolist()
            with pytest.raises(RuntimeError, match="read outside"):
                np.array(mx.exp(bad))


@pytest.mark.stops_outside
def test_failures_by_the_hundred():
    """MLX counts tasks; one that it gives up in the middle of an evaluation would be waited for."""
    x = mx.ones((64,))
    for _ in range(300):
        with pytest.raises(RuntimeError, match="read outside"):
            np.array(mx.exp(outside(x) + 1))


@pytest.mark.stops_outside
def test_the_middle_of_a_failed_graph_fails():
    middle = outside(mx.ones((64,))) + 1
    with pytest.raises(RuntimeError, match="read outside"):
        mx.eval(mx.exp(middle))
    with pytest.raises(RuntimeError, match="read outside"):
        middle.tolist()


@pytest.mark.stops_outside
def test_an_error_in_a_text_hides_no_failure():
    x = mx.ones((64,))
    for evaluate in (mx.async_eval, mx.eval):
        total, wrong = mx.sum(outside(x)), make("this is wrong", name="wrong")(x)
        with pytest.raises(RuntimeError, match="doesn't compile"):
            evaluate(total, wrong)
        with pytest.raises(RuntimeError, match="read outside"):
            total.item()


@pytest.mark.stops_outside
def test_a_failed_array_isn_t_saved(tmp_path):
    y = outside(mx.ones((64,)))
    with pytest.raises(RuntimeError, match="read outside"):
        mx.save_safetensors(str(tmp_path / "y.safetensors"), {"y": y})


@pytest.mark.stops_outside
def test_what_failed_unseen_is_told_once_by_synchronize():
    mx.async_eval(outside(mx.ones((64,))))
    with pytest.raises(RuntimeError, match="read outside"):
        mx.synchronize(mx.default_stream(mx.gpu))
    mx.synchronize(mx.default_stream(mx.gpu))


def test_an_interrupt_ends_what_is_queued_too():
    script = """
        import os, signal, threading, time, mlx.core as mx
        kernel = mx.fast.metal_kernel(name="endless", input_names=["x"], output_names=["y"], source="while (x[0] == 0) { } y[0] = 1;")
        def endless(x):
            return kernel(inputs=[x], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1), threadgroup=(1, 1, 1))[0]
        x = mx.zeros((1,))
        mx.eval(x, endless(x + 1))  # compiles it
        queued = [endless(x) for _ in range(5)]
        threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            mx.eval(queued)
        except KeyboardInterrupt:
            for y in queued:
                try:
                    y.item()
                except RuntimeError as error:
                    assert "was stopped by an interrupt" in str(error), error
            print("ended")
    """
    done = subprocess.run([sys.executable, "-m", "anymetal", "-c", textwrap.dedent(script)], text=True, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


def test_export_writes_mlx_s_record_and_import_runs_it(tmp_path):
    path = str(tmp_path / "f.mlxfn")
    x = mx.linspace(0, 1, 32)
    mx.export_function(path, lambda x: mx.exp(twice(x)), x)
    assert b"CustomKernel" in (tmp_path / "f.mlxfn").read_bytes()
    before = anymetal.launches()
    (y,) = mx.import_function(path)(x)
    np.testing.assert_allclose(np.array(y), np.exp(2 * np.array(x)), rtol=1e-5)
    assert anymetal.launches() == before + 1


def test_a_record_made_without_anymetal_runs(tmp_path):
    """As a Mac writes it: the kernel on a GPU stream of another process."""
    path = str(tmp_path / "g.mlxfn")
    script = f"""
        import mlx.core as mx
        kernel = mx.fast.metal_kernel(name="triple", input_names=["x"], output_names=["y"],
                                      source="uint i = thread_position_in_grid.x; y[i] = x[i] * T(3);")
        def f(x):
            return kernel(inputs=[x], template=[("T", mx.float32)], output_shapes=[x.shape], output_dtypes=[x.dtype],
                          grid=(x.size, 1, 1), threadgroup=(8, 1, 1), init_value=1)[0]
        mx.export_function({path!r}, f, mx.ones((16,)))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (y,) = mx.import_function(path)(mx.arange(16, dtype=mx.float32))
    assert y.tolist() == [3.0 * i for i in range(16)]


def test_verbose_prints_the_text(capfd):
    mx.eval(twice(mx.ones((8,)), verbose=True))
    out = capfd.readouterr().out
    assert out.startswith("Generated source code for `twice`:\n```\n") and "[[kernel]] void custom_kernel_twice" in out


def test_runs_a_script_as_python_does(tmp_path):
    (tmp_path / "beside.py").write_text("value = 7\n")
    script = tmp_path / "script.py"
    script.write_text("import sys, beside, mlx.core as mx\nassert mx.metal.is_available()\n"
                      "print(__name__, sys.argv[1:], beside.value)\nsys.exit(3)\n")
    done = subprocess.run([sys.executable, "-m", "anymetal", str(script), "a", "-b"], text=True, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (3, "__main__ ['a', '-b'] 7\n"), done.stderr
    script.write_text("raise ValueError('mine')\n")
    done = subprocess.run([sys.executable, "-m", "anymetal", str(script)], text=True, capture_output=True, timeout=120)
    assert done.returncode == 1 and "ValueError: mine" in done.stderr and f'File "{script}", line 1' in done.stderr
    done = subprocess.run([sys.executable, "-m", "anymetal", "absent.py"], text=True, capture_output=True, timeout=120,
                          env=os.environ)
    assert done.returncode == 2 and "absent.py" in done.stderr
