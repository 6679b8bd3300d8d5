"""The text that MLX generates for kernels: the oracle of src/api/signature.

    signature_oracle.py --write FILE     ask the installed MLX for the text of every case, and write the golden file
    signature_oracle.py --check PROGRAM  the same into a temporary file, and run PROGRAM (the C++ test) on it

MLX generates the text on any machine while a call is traced for export, and prints it with verbose=True; nothing is
compiled. Exit code 77: MLX isn't installed.
"""

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile

ATTRIBUTES = """dispatch_quadgroups_per_threadgroup dispatch_simdgroups_per_threadgroup dispatch_threads_per_threadgroup
grid_origin grid_size quadgroup_index_in_threadgroup quadgroups_per_threadgroup simdgroup_index_in_threadgroup
simdgroups_per_threadgroup thread_execution_width thread_index_in_quadgroup thread_index_in_simdgroup
thread_index_in_threadgroup thread_position_in_grid thread_position_in_threadgroup threadgroup_position_in_grid
threadgroups_per_grid threads_per_grid threads_per_simdgroup threads_per_threadgroup""".split()

DTYPES = """bool_ uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64""".split()

BODY = "uint i = thread_position_in_grid.x;\no[i] = a[i];"


class Case:
    """Inputs are (name, dtype, shape), outputs (name, dtype), templates (name, int | bool | dtype's name)."""

    def __init__(self, label, source=BODY, header="", inputs=None, outputs=None, templates=(), atomic=False, name="k"):
        self.label, self.source, self.header, self.name = label, source, header, name
        self.inputs = [("a", "float32", (16,))] if inputs is None else list(inputs)
        self.outputs = [("o", "float32")] if outputs is None else list(outputs)
        self.templates, self.atomic = list(templates), atomic


def dtype_cases():
    for dtype in DTYPES:
        shapes = [(), (7,), (8,), (2, 3), (2, 4), (0,), (1, 1)]
        inputs = [(f"a{i}", dtype, shape) for i, shape in enumerate(shapes)]
        yield Case(f"input {dtype}", inputs=inputs)
        yield Case(f"output {dtype}", outputs=[("o", dtype)])
        yield Case(f"atomic {dtype}", outputs=[("o", dtype)], atomic=True)
        yield Case(f"template {dtype}", templates=[("T", dtype)])


def mention_cases():
    for mask in range(8):
        words = [w for bit, w in enumerate(["a_shape", "a_strides", "a_ndim"]) if mask >> bit & 1]
        source = "o[0] = " + " + ".join([f"{w}[0]" for w in words] + ["0"]) + ";"
        for shape in [(), (3,), (4, 5)]:
            yield Case(f"mentions {mask} of {shape}", source, inputs=[("a", "float32", shape)])
    yield Case("mention in a comment", "// a_shape and grid_size\no[0] = 0;")
    yield Case("mention of a longer name", "o[0] = aa_shape[0];", inputs=[("a", "float32", (9,)), ("aa", "int8", (9,))])
    yield Case("input named like a shape", "o[0] = a_shape[0];", inputs=[("a", "int32", (9,)), ("a_shape", "int32", (3,))])


def attribute_cases():
    for attribute in ATTRIBUTES:
        yield Case(attribute, f"o[0] = {attribute};" if "_in_grid" not in attribute else f"o[0] = {attribute}.x;")
    yield Case("all attributes", "\n".join(f"o[{i}] = {a};" for i, a in enumerate(ATTRIBUTES)))
    yield Case("no attribute", "o[0] = a[0];")


def output_cases():
    bodies = {"plain": "o[0] = a[0];", "shape": "o[0] = a_shape[0];", "all": "o[a_ndim] = a_shape[0] + a_strides[0];"}
    for count, (label, body), attribute in itertools.product([1, 2, 3], bodies.items(), ["", " // grid_size"]):
        outputs = [(f"o{i}" if i else "o", DTYPES[i * 3 + 1]) for i in range(count)]
        yield Case(f"{count} outputs, {label}{attribute}", body + attribute, outputs=outputs)
    yield Case("no input", "o[0] = 1;", inputs=[])
    yield Case("no input, two outputs", "o[0] = 1;", inputs=[], outputs=[("o", "int8"), ("p", "int32")])
    many = [(f"in{i}", DTYPES[i % 12], (i,)) for i in range(20)]
    yield Case("20 inputs", "o[0] = in3_shape[0] + in9_ndim;", inputs=many)


def template_cases():
    for value in [0, 1, -1, 255, 2**31 - 1, -(2**31), True, False]:
        yield Case(f"template {value}", templates=[("n", value)])
    yield Case("several templates", templates=[("T", "float16"), ("N", -3), ("B", True), ("U", "complex64"), ("M", 64)])
    yield Case("two ints", templates=[("N", -1), ("M", -1)])


def text_cases():
    headers = {
        "newline": "#include <metal_stdlib>\nusing namespace metal;\n",
        "no newline": "using namespace metal;",
        "directive": "#include <metal_stdlib>",
        "comment": "// the end",
        "blank": "\n\n",
        "crlf": "#define A 1\r\nusing namespace metal;\r\n",
    }
    for (label, header), templates in itertools.product(headers.items(), [(), [("T", "float32")]]):
        yield Case(f"header {label}, {len(templates)} templates", header=header, templates=templates)
    sources = {"empty": "", "newline": "\n", "tabs": "\to[0] = 1;\t\n\n", "utf-8": "// größer → ∞\no[0] = 1;", "raw": BODY + "\n    "}
    for label, source in sources.items():
        yield Case(f"source {label}", source)
    for name in ["", "my-kernel", "a b", "x<y>, z", "größe"]:
        yield Case(f"name '{name}'", name=name, templates=[("n", -7)])


def random_cases(count):
    dice = random.Random(20)
    for i in range(count):
        inputs = [
            (f"x{n}", dice.choice(DTYPES[:12]), tuple(dice.randrange(1, 5) for _ in range(dice.randrange(4))))
            for n in range(dice.randrange(5))
        ]
        words = [f"{n}_{w}" for n, _, _ in inputs for w in ("shape", "strides", "ndim") if dice.random() < 0.2]
        words += [a for a in ATTRIBUTES if dice.random() < 0.1]
        templates = [(f"T{n}", dice.choice([dice.choice(DTYPES), dice.randrange(-99, 99), True])) for n in range(dice.randrange(4))]
        outputs = [(f"y{n}", dice.choice(DTYPES)) for n in range(dice.randrange(1, 4))]
        header = dice.choice(["", "template <typename T> T f(T x) { return x; }\n", "constant int n = 1;"])
        yield Case(f"random {i}", " ".join(words) + ";", header, inputs, outputs, templates, dice.random() < 0.3, f"r{i}")


def cases():
    yield from dtype_cases()
    yield from mention_cases()
    yield from attribute_cases()
    yield from output_cases()
    yield from template_cases()
    yield from text_cases()
    yield from random_cases(60)


def mlx_text(mx, case, folder):
    """What MLX prints between its fences."""
    kernel = mx.fast.metal_kernel(
        name=case.name,
        input_names=[name for name, _, _ in case.inputs],
        output_names=[name for name, _ in case.outputs],
        source=case.source,
        header=case.header,
        atomic_outputs=case.atomic,
    )
    templates = [(n, getattr(mx, v) if isinstance(v, str) else v) for n, v in case.templates]

    def call(*arrays):
        return kernel(
            inputs=list(arrays),
            template=templates,
            grid=(1, 1, 1),
            threadgroup=(1, 1, 1),
            output_shapes=[(1,)] * len(case.outputs),
            output_dtypes=[getattr(mx, dtype) for _, dtype in case.outputs],
            verbose=True,
        )

    arrays = [mx.zeros(shape, dtype=getattr(mx, dtype), stream=mx.cpu) for _, dtype, shape in case.inputs]
    path = os.path.join(folder, "stdout")
    sys.stdout.flush()
    saved = os.dup(1)
    with open(path, "wb") as out:
        os.dup2(out.fileno(), 1)
    try:
        mx.export_function(os.path.join(folder, "graph"), call, *arrays)
    except ValueError as error:  # after the text was printed
        if "float64" not in str(error):
            raise
    finally:
        os.dup2(saved, 1)
        os.close(saved)
    with open(path, "rb") as out:
        printed = out.read().decode()
    head = f"Generated source code for `{case.name}`:\n```\n"
    assert printed.startswith(head) and printed.endswith("\n```\n"), printed
    return printed[len(head) : -len("\n```\n")]


def block(word, text):
    return word + "\n" + "".join(f"|{line}\n" for line in text.split("\n"))


def record(case, text):
    out = f"case {case.label}\nname {case.name}\n"
    for name, dtype, shape in case.inputs:
        size = 1
        for extent in shape:
            size *= extent
        out += f"input {name} {dtype} {len(shape)} {size}\n"
    out += "".join(f"output {name} {dtype}\n" for name, dtype in case.outputs)
    for name, value in case.templates:
        kind = "dtype" if isinstance(value, str) else "bool" if isinstance(value, bool) else "int"
        out += f"template {name} {kind} {int(value) if kind == 'bool' else value}\n"
    if case.atomic:
        out += "atomic\n"
    return out + block("header", case.header) + block("source", case.source) + block("text", text) + "end\n\n"


def write(path):
    try:
        import mlx.core as mx
    except ImportError:
        print("MLX isn't installed", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as folder, open(path, "w", newline="") as out:
        out.write(f"mlx {mx.__version__}\n\n")
        for case in cases():
            out.write(record(case, mlx_text(mx, case, folder)))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--check", metavar="PROGRAM")
    options = parser.parse_args()
    if options.write:
        return write(options.write)
    if not options.check:
        parser.error("--write or --check?")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "signatures.txt")
        code = write(path)
        if code:
            return code
        environment = {**os.environ, "ANYMETAL_TEST_SIGNATURES": path}
        return subprocess.run([options.check, "--gtest_filter=Signature.*"], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
