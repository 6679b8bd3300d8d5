"""The texts of all kernels: compiled with everything that is newer than Metal 3.1 hidden, so that they run on a Mac; and written as the house writes.

`#pragma clang poison` makes an error of each use of a name. The names are those that Metal 3.2, 4.0 and 4.1 brought (Metal Shading Language
Specification, "Metal 3.2 features" and later); a kernel that uses one is shown to fail.
"""

import mlx.core as mx
import numpy as np
import pytest

import anymetal
from anymetal import _kernels

NEWER = ["os_log", "os_log_default", "logging", "coherent", "atomic_thread_fence", "thread_scope", "thread_scope_thread", "thread_scope_simdgroup",
         "thread_scope_threadgroup", "thread_scope_device", "memory_order_acquire", "memory_order_release", "memory_order_acq_rel", "memory_order_seq_cst",
         "tensor", "tensor_handle", "tensor_inline", "tensor_offset", "cooperative_tensor", "dextents", "extents", "dynamic_extent", "mpp", "tensor_ops",
         "user_annotation", "intersection_function_buffer_arguments", "intersect_function_buffer", "printf"]
DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}
POISON = "#include <metal_stdlib>\n#include <metal_simdgroup_matrix>\n#pragma clang poison " + " ".join(NEWER) + "\n"


def template_of(instance):
    pairs = [part.split("=") for part in instance.split(",")] if instance else []
    return [(name, DTYPES[value] if value in DTYPES else int(value)) for name, value in pairs]


def compile_text(name, text, template, header=POISON):
    """Compiles by a launch of one thread; what it then computes isn't looked at."""
    names = text["inputs"]
    kernel = mx.fast.metal_kernel(name=name, input_names=names, output_names=text["outputs"], source="if (thread_position_in_grid.x < 1) return;\n" + text["body"],
                                  header=header + text["header"], ensure_row_contiguous=not text["takes_views"],
                                  atomic_outputs=text["has_atomic_outputs"])
    # float buffers of the template's type, sizes as uint32: a guess that each text may correct with `types:`.
    kinds = dict(part.split("=") for part in text["types"])
    dtypes = dict(template)

    def array(each):
        kind = kinds.get(each, "uint32" if each in ("shape", "flags") else "T")
        dtype = {"uint32": mx.uint32, "int32": mx.int32, **DTYPES}.get(kind) or dtypes.get(kind, mx.float32)
        return mx.zeros(64, dtype=dtype)
    inputs = [array(each) for each in names]
    outputs = [array(each) for each in text["outputs"]]
    made = kernel(inputs=inputs, template=template, output_shapes=[each.shape for each in outputs], output_dtypes=[each.dtype for each in outputs],
                  grid=(1, 1, 1), threadgroup=(1, 1, 1))
    mx.eval(made)


CASES = [(name, instance) for name in _kernels._kernel_names() for instance in _kernels._kernel_text(name)["instances"] or [""]]


@pytest.mark.on_reference
def test_there_are_texts():
    assert "exp_elementwise" in _kernels._kernel_names()


@pytest.mark.parametrize("name,instance", CASES)
def test_compiles_with_metal_3_1(name, instance):
    compile_text(name, _kernels._kernel_text(name), template_of(instance))


@pytest.mark.on_reference
def test_what_is_newer_is_hidden():
    text = {"inputs": ["a"], "outputs": ["out"], "types": [], "takes_views": False, "has_atomic_outputs": False, "header": "using namespace metal;\n",
            "body": 'os_log_default.log("%d", 1);\nout[0] = a[0];'}
    with pytest.raises(RuntimeError, match="poisoned"):
        compile_text("newer", text, [])


@pytest.mark.on_reference
@pytest.mark.parametrize("name", _kernels._kernel_names())
def test_says_how_it_is_called(name):
    text = _kernels._kernel_text(name)
    assert text["inputs"] and text["outputs"]
    assert "#include <metal_stdlib>" in text["header"] and text["body"].strip()
    for word in ("#include <metal_logging>", "#include <metal_tensor>", "MetalPerformancePrimitives"):
        assert word not in text["header"]


@pytest.mark.on_reference
def test_an_unknown_name_is_an_error():
    with pytest.raises(RuntimeError, match="no kernel text nonesuch"):
        _kernels._kernel_text("nonesuch")


@pytest.mark.on_reference
def test_the_module_has_its_docstrings():
    from anymetal import kernels

    assert "exp_elementwise" in kernels.__all__
    for name in kernels.__all__:
        assert getattr(kernels, name).__doc__, name
    assert anymetal.active
    assert np.isfinite(float(kernels.exp_elementwise(mx.array(1.0))))
