"""What whole files are made of: includes, macros, constants, instantiations, structs, threadgroup memory, argument buffers."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import anymetal

# Without checks these would corrupt memory.
def run(text, kernel="f", *arguments, constants=None, **sizes):
    anymetal.Library(text, name="test.metal").kernel(kernel, constants)(*arguments, **sizes)


def test_files_includes_and_macros(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "beside.h").write_text("#pragma once\nconstant int kBeside = 5;\n")
    (tmp_path / "inside" / "far.h").write_text('#include "../beside.h"\ninline int far(int x) { return x * N + kBeside; }\n')
    file = tmp_path / "k.metal"
    file.write_text('#include <metal_stdlib>\n#include "beside.h"\n#include <far.h>\n#ifndef FLAG\n#error no flag\n#endif\n'
                    "kernel void f(device int* x, uint i [[thread_position_in_grid]]) { x[i] = far(int(i)); }\n")
    x = np.zeros(4, np.int32)
    library = anymetal.Library(file, include_dirs=[tmp_path / "inside"], macros={"N": 3, "FLAG": None})
    library.kernel("f")(x, grid=4)
    assert x.tolist() == [5, 8, 11, 14]
    with pytest.raises(anymetal.CompileError, match=r"no flag"):
        anymetal.Library(str(file), include_dirs=[tmp_path / "inside"], macros={"N": 3})
    with pytest.raises(anymetal.CompileError, match=r"far\.h"):
        anymetal.Library(file, macros=["FLAG"])
    (tmp_path / "inside" / "far.h").write_text("inline int far(int x) { return y; }\n")
    with pytest.raises(anymetal.CompileError, match=r"far\.h:1:\d+: error: use of undeclared identifier 'y'"):
        anymetal.Library(file, include_dirs=[tmp_path / "inside"], macros=["FLAG"])
    for wrong in ({"include_dirs": [tmp_path / "nowhere"]}, {"macros": {"a b": 1}}, {"math_mode": "quick"}):
        with pytest.raises(ValueError):
            anymetal.Library(file, **wrong)
    with pytest.raises(OSError, match="can't be read"):
        anymetal.Library(tmp_path / "missing.metal")


@pytest.mark.parametrize("line", ['#include "beside.h" // has vec<T, n>', '# /* its */ include "beside.h"', '%:include "beside.h"',
                                  '#inc\\\nlude "beside.h"', '#define FILE "beside.h"\n#include FILE',
                                  '#define HAS(x) __has_include(x)\n#if HAS("beside.h")\n#include "beside.h"\n#endif',
                                  '#if 1 && \\\n __has_include("beside.h")\nconstant int kBeside = 5;\n#endif'])
def test_a_file_beside_is_found(line, tmp_path):
    (tmp_path / "beside.h").write_text("#pragma once\nconstant int kBeside = 5;\n")
    (tmp_path / "k.metal").write_text("#include <metal_stdlib>\n" + line + "\nkernel void f(device int* x) { x[0] = kBeside; }\n")
    x = np.zeros(1, np.int32)
    anymetal.Library(tmp_path / "k.metal").kernel("f")(x, grid=1)
    assert x[0] == 5


def test_no_file_is_embedded(tmp_path):
    (tmp_path / "beside.h").write_text("1, 2, 3")
    file = tmp_path / "k.metal"
    file.write_text('constant int kThree[] = {\n# embed "beside.h"\n};\nkernel void f(device int* x) { x[0] = kThree[2]; }\n')
    with pytest.raises(anymetal.CompileError, match=r"k\.metal:2:3: error: Metal has no #embed: pass .* in a buffer"):
        anymetal.Library(file)
    with pytest.raises(anymetal.CompileError, match="Metal has no #embed"):
        anymetal.Library('#em\\\nbed "beside.h"\nkernel void f(device int* x) { x[0] = 1; }\n')
    with pytest.raises(anymetal.CompileError, match="__has_embed"):
        anymetal.Library('#if __has_embed("beside.h")\n#endif\nkernel void f(device int* x) { x[0] = 1; }\n')
    x = np.zeros(1, np.int32)
    run('#ifndef __has_embed\n// #embed\nkernel void f(device int* embed) { embed[0] = 7; }\n#endif\n', "f", x, grid=1)
    assert x[0] == 7


FUNCTION_CONSTANTS = """#include <metal_stdlib>
using namespace metal;
constant bool wide [[function_constant(0)]];
constant int scale [[function_constant(3)]];
constant float2 two [[function_constant(4)]];
constant int derived = scale * (wide ? 10 : 1);
constant int with_default = is_function_constant_defined(scale) ? scale : -1;
kernel void f(device int* x, uint i [[thread_position_in_grid]]) { x[i] = derived; }
kernel void g(device int* x, uint i [[thread_position_in_grid]]) { x[i] = with_default; }
kernel void h(device float* x, uint i [[thread_position_in_grid]]) { x[i] = two[i]; }
"""


def test_function_constants():
    library = anymetal.Library(FUNCTION_CONSTANTS, name="constants.metal")
    assert [(c.name, c.index, c.type) for c in library.function_constants] == [
        ("wide", 0, "bool"), ("scale", 3, "int"), ("two", 4, "float2")]
    x = np.zeros(2, np.int32)
    for constants, expected in [({"wide": True, "scale": 4}, 40), ({0: False, 3: np.int16(4)}, 4), ({"wide": 1, 3: -2}, -20)]:
        library.kernel("f", constants)(x, grid=2)
        assert x.tolist() == [expected] * 2
    library.kernel("g")(x, grid=2)
    assert x.tolist() == [-1, -1]
    library.kernel("g", {"scale": 6})(x, grid=2)
    assert x.tolist() == [6, 6]
    y = np.zeros(2, np.float32)
    library.kernel("h", {"two": (1.5, 2.5)})(y, grid=2)
    assert y.tolist() == [1.5, 2.5]
    with pytest.raises(anymetal.CompileError, match=r"'(scale|wide)' has no value.*`constants=\{"):
        library.kernel("f")
    for constants, text in [({"nothing": 1}, "no function constant `nothing`: it has `wide` \\(0\\)"), ({9: 1}, "with index 9"),
                            ({"scale": 1.5}, "`scale` \\(`int`\\): the float 1.5"), ({"wide": 2}, "can't be a `bool`"),
                            ({"two": 1.0}, "takes 2 numbers")]:
        with pytest.raises(ValueError, match=text):
            library.kernel("f", constants)


@pytest.mark.stops_outside
def test_parameters_that_depend_on_constants():
    text = """
constant bool has_bias [[function_constant(0)]];
constant bool no_bias = !has_bias;
struct Bias { float value; };
kernel void f(device const float* x [[buffer(0)]], constant Bias& bias [[buffer(1), function_constant(has_bias)]],
              device float* y [[buffer(2)]], constant int* other [[buffer(1), function_constant(no_bias)]],
              uint i [[thread_position_in_grid]]) {
  y[i] = x[i];
  if (has_bias) y[i] += bias.value;
  if (no_bias && i == 0) y[i] += 0;
}
kernel void g(device float* y [[buffer(0)]], device float* z [[buffer(1), function_constant(has_bias)]]) { y[0] = z[0]; }
"""
    library = anymetal.Library(text, name="optional.metal")
    x, y = np.arange(3, dtype=np.float32), np.zeros(3, np.float32)
    with_bias, without = library.kernel("f", {"has_bias": True}), library.kernel("f", {"has_bias": False})
    assert [p.is_optional for p in with_bias.interface] == [False, True, False, True, False]
    with_bias(x, {"value": 2}, y, grid=3)
    assert y.tolist() == [2, 3, 4]
    without(x, None, y, grid=3)
    assert y.tolist() == [0, 1, 2]
    without(x=x, y=y + 0, other=np.zeros(1, np.int32), grid=3)
    with pytest.raises(ValueError, match="`device const float\\* x .*is missing"):
        without(None, None, y, grid=3)
    with pytest.raises(anymetal.KernelError, match="read outside buffer 'z'"):
        library.kernel("g", {"has_bias": True})(y, grid=1)


def test_templates_and_host_names():
    library = anymetal.Library("""
        template <typename T, int N> [[kernel]] void twice(device T* x, uint i [[thread_position_in_grid]]) { x[i] *= T(N); }
        template [[host_name("twice_float")]] [[kernel]] void twice<float, 2>(device float*, uint);
        template [[host_name("thrice_int")]] [[kernel]] decltype(twice<int, 3>) twice<int, 3>;
        [[host_name("renamed")]] [[kernel]] void plain(device int* x) { x[0] = 1; }""")
    assert library.kernels == ["twice_float", "thrice_int", "renamed"]
    x, y = np.ones(3, np.float32), np.ones(3, np.int32)
    library.kernel("twice_float")(x, grid=3)
    library.kernel("thrice_int")(y, grid=3)
    assert x.tolist() == [2] * 3 and y.tolist() == [3] * 3


def test_threadgroup_memory_and_limits():
    text = """#include <metal_stdlib>
using namespace metal;
[[max_total_threads_per_threadgroup(64)]] kernel void f(device const int* x, device int* y, threadgroup int* shared [[threadgroup(1)]],
    threadgroup short* other [[threadgroup(0)]], uint i [[thread_position_in_grid]], uint t [[thread_position_in_threadgroup]],
    uint n [[threads_per_threadgroup]]) {
  shared[t] = x[i];
  other[t] = short(t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = shared[n - 1 - t] + other[n - 1 - t];
}"""
    kernel = anymetal.Library(text, name="tg.metal").kernel("f")
    assert kernel.max_total_threads_per_threadgroup == 64
    x, y = np.arange(32, dtype=np.int32), np.zeros(32, np.int32)
    kernel(x, y, grid=32, threadgroup=8, threadgroup_memory={1: 32, "other": 16})
    expected = x.reshape(4, 8)[:, ::-1] + np.arange(8)[::-1]
    np.testing.assert_array_equal(y.reshape(4, 8), expected)
    with pytest.raises(ValueError, match=r"tg.metal:3: kernel `f`: `threadgroup int\* shared.* needs a size"):
        kernel(x, y, grid=32, threadgroup=8, threadgroup_memory={0: 16})
    with pytest.raises(ValueError, match="limit is 64 by its"):
        kernel(x, y, grid=128, threadgroup=128, threadgroup_memory={0: 256, 1: 512})
    with pytest.raises(ValueError, match="threadgroup memory .*limit of 32,768"):
        kernel(x, y, grid=8, threadgroup=8, threadgroup_memory={0: 16, 1: 40000})
    kernel(x, y, grid=32, threadgroup_memory={0: 128, 1: 128})
    np.testing.assert_array_equal(y, x[::-1] + np.arange(32)[::-1])


STRUCTS = """#include <metal_stdlib>
using namespace metal;
struct Light { packed_float3 colour; half power; };
struct Scene { int2 size; Light lights[2]; float3 up; bool on; uchar flags[4]; float3x3 turn; };
kernel void f(constant Scene& s, device float* out) {
  out[0] = s.size.x; out[1] = s.size.y; out[2] = s.lights[1].colour.y; out[3] = float(s.lights[0].power); out[4] = s.up.z;
  out[5] = s.on; out[6] = s.flags[3]; out[7] = s.turn[2].y;
}
"""


def test_structs_by_member_bytes_and_records():
    kernel = anymetal.Library(STRUCTS).kernel("f")
    scene = {"size": (3, 4), "lights": [{"colour": (1, 2, 3), "power": 0.5}, {"colour": [4, 5, 6], "power": 1}], "up": (7, 8, 9),
             "on": True, "flags": [1, 2, 3, 250], "turn": [[1, 2, 3], [4, 5, 6], [7, 8, 10]]}
    out, expected = np.zeros(8, np.float32), [3, 4, 5, 0.5, 9, 1, 250, 8]
    kernel(scene, out, grid=1)
    assert out.tolist() == expected
    light = np.dtype({"names": ["colour", "power"], "formats": ["3f4", "f2"], "offsets": [0, 12], "itemsize": 16})
    record = np.zeros((), np.dtype({"names": ["size", "lights", "up", "on", "flags", "turn"],
                                    "formats": ["2i4", (light, 2), "3f4", "?", "4u1", "(3,4)f4"],
                                    "offsets": [0, 8, 48, 64, 65, 80], "itemsize": 128}))
    record["size"], record["lights"]["colour"][1], record["lights"]["power"][0] = (3, 4), (4, 5, 6), 0.5
    record["up"], record["on"], record["flags"], record["turn"][2, 1] = (7, 8, 9), True, (1, 2, 3, 250), 8
    for value in (record, record[()], record.tobytes()):
        out[:] = 0
        kernel(value, out, grid=1)
        assert out.tolist() == expected
    swapped = np.zeros((), np.dtype({"names": ["up", "size"], "formats": ["3f4", "2i4"], "offsets": [0, 48], "itemsize": 128}))
    for wrong, text in [(swapped, "`up` is at byte 0, and that of `Scene` at 48"), (np.zeros((), light), "has 16 bytes"),
                        (np.zeros((), np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 128})), "field `a`")]:
        with pytest.raises(ValueError, match=text):
            kernel(wrong, out, grid=1)
    for change, text in [({"lights": [{"colour": (1, 2, 3), "power": 1, "angle": 2}] * 2}, r"no member `lights\[0\].angle`"),
                         ({"size": (1, 2, 3)}, "`size`: `int2` takes 2 numbers"), ({"more": 1}, "no member `more`"),
                         ({"up": (1, 2, "a")}, "can't be"), ({"flags": [1, 2, 3, 256]}, "`flags`: 256 is out of the range"),
                         ({"lights": [scene["lights"][0]]}, "`lights` is an array"),
                         ({"lights": [{"colour": (1, 2, 3)}] * 2}, r"`lights\[0\].power` .*is missing")]:
        with pytest.raises((ValueError, TypeError), match=text):
            kernel({**scene, **change}, out, grid=1)
    with pytest.raises(ValueError, match="the member `up` of `Scene` is missing"):
        kernel({key: value for key, value in scene.items() if key != "up"}, out, grid=1)
    with pytest.raises(ValueError, match="has 128 bytes, and 127"):
        kernel(record.tobytes()[:-1], out, grid=1)


@pytest.mark.stops_outside
def test_argument_buffers():
    text = """
struct Arguments { device float* out [[id(2)]]; device const float* in [[id(0)]]; int n [[id(1)]]; };
kernel void f(constant Arguments& a [[buffer(0)]], uint i [[thread_position_in_grid]]) { if (int(i) < a.n) a.out[i] = 2 * a.in[i]; }
kernel void parts(device float* constant* parts, device float* out, uint i [[thread_position_in_grid]]) { out[i] = parts[i][0]; }
"""
    library = anymetal.Library(text)
    x, y = np.arange(6, dtype=np.float32), np.zeros(6, np.float32)
    library.kernel("f")({"in": x, "out": y, "n": 5}, grid=6)
    assert y.tolist() == [0, 2, 4, 6, 8, 0]
    with pytest.raises(anymetal.KernelError, match="outside the 8 bytes that a pointer in a buffer leads to"):
        library.kernel("f")({"in": x, "out": y[:2], "n": 5}, grid=6)
    x.flags.writeable = False
    library.kernel("f")({"in": x, "out": y, "n": 5}, grid=6)
    for change, wrong in [({"out": x}, "`out`: .*read-only"), ({"in": 3.0}, "pointer to `float`: give an array"),
                          ({"in": y.astype(np.int32)}, "`in`: the array is int32")]:
        with pytest.raises(ValueError, match=wrong):
            library.kernel("f")({"in": x, "out": y, "n": 5, **change}, grid=6)
    parts = [np.full(1, i, np.float32) for i in range(3)]
    library.kernel("parts")(parts, y, grid=3)
    assert y[:3].tolist() == [0, 1, 2]


def test_vectors_and_matrices_as_numbers():
    y = np.zeros(9, np.float32)
    run("""kernel void f(constant metal::float3& v, constant metal::float2x3& m, constant metal::half2* h, device float* y) {
             y[0] = v.z; y[1] = m[1].y; y[2] = float(h[1].x); }""".replace("kernel", "#include <metal_stdlib>\nkernel", 1),
        "f", (1, 2, 3), [[1, 2, 3], [4, 5, 6]], [1, 2, 3, 4], y, grid=1)
    assert y[:3].tolist() == [3, 5, 3]


def test_control_c_and_other_threads():
    """The lock is free while a kernel runs, and Ctrl-C ends it."""
    program = textwrap.dedent("""
        import anymetal, numpy as np, threading, time
        library = anymetal.Library("kernel void f(device volatile int* x, device int* y) { while (x[0] == 0) {} y[0] = 7; }")
        kernel, x, y = library.kernel("f"), np.zeros(1, np.int32), np.zeros(1, np.int32)
        def let_go():
            time.sleep(0.2)
            x[0] = 1
        threading.Thread(target=let_go).start()
        kernel(x, y, grid=1)
        print("y", y[0], flush=True)
        x[0] = 0
        try:
            print("waiting", flush=True)
            kernel(x, y, grid=1)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout.readline() == "y 7\n" and process.stdout.readline() == "waiting\n"
    time.sleep(0.5)  # until the kernel has begun; earlier it's an ordinary interrupt
    for _ in range(100):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=3)
            break
        except subprocess.TimeoutExpired:
            continue
    assert process.stdout.read() == "interrupted\n"


# 2^60 templates, none like another.
ENDLESS_TEXT = """
    template <int N, ulong M> struct F { static constexpr constant int v = F<N - 1, 2 * M>::v + F<N - 1, 2 * M + 1>::v; };
    template <ulong M> struct F<0, M> { static constexpr constant int v = 1; };
    kernel void f(device int* y) { y[0] = F<60, 1>::v; }
"""


def test_control_c_ends_a_compilation():
    program = textwrap.dedent(f"""
        import anymetal
        try:
            print("compiling", flush=True)
            anymetal.Library({ENDLESS_TEXT!r})
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        print(anymetal.Library("kernel void f(device int* y) {{ y[0] = 7; }}").kernels)
        """)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout.readline() == "compiling\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out == "interrupted\n['f']\n" and process.returncode == 0


def test_timeout_of_compilations():
    program = f"import anymetal\ntry:\n  anymetal.Library({ENDLESS_TEXT!r}, name='k.metal')\nexcept anymetal.StoppedError as error:\n  print(error)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "ANYMETAL_COMPILE_TIMEOUT": "0.5"})
    assert done.stdout.startswith("the compilation of `k.metal` was stopped after 0.5 s, the limit of ANYMETAL_COMPILE_TIMEOUT"), done


def test_without_numpy_and_mlx():
    program = ("import sys; sys.modules['numpy'] = None; sys.modules['mlx'] = None; sys.modules['mlx.core'] = None\n"
               "import anymetal, array\nassert not anymetal.active\nx = array.array('f', [1, 2, 3])\n"
               "k = anymetal.Library('kernel void f(device float* x, constant float& s, uint i [[thread_position_in_grid]]) { x[i] *= s; }')\n"
               "k.kernel('f')(x, 2, grid=3)\nprint(list(x), anymetal.launches())")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[2.0, 4.0, 6.0] 1\n", done.stderr


def test_templates_that_nothing_instantiates_are_no_kernels():
    import anymetal

    text = "#include <metal_stdlib>\nusing namespace metal;\ntemplate <typename T>\n[[kernel]] void fill(device T* y) { y[0] = 1; }\n"
    with pytest.raises(ValueError, match=r'has no kernels; a template is none .*`template \[\[host_name\("fill"\)\]\]'):
        anymetal.Library(text).kernel("fill")
    with pytest.raises(ValueError, match="it has `other`$"):
        anymetal.Library(text + "kernel void other(device int* y) { y[0] = 1; }\n").kernel("filled")
