"""The sweep's own program: small sizes of it, and that it sees what is wrong."""

import importlib.util
import sys
from pathlib import Path

import mlx.core as mx
import pytest

sys.path.append(str(Path(__file__).parent))  # cases.py

import cases  # noqa: E402


def program():
    spec = importlib.util.spec_from_file_location("sweep_main", Path(__file__).parent / "main.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SWEEP = program()


@pytest.mark.parametrize("name", cases.FUNCTIONS)
def test_small_sizes_are_right(name):
    worst = SWEEP.sweep(cases.FUNCTIONS[name], [0, 1, 2, 7, 33])
    assert worst.count >= 5 or name == "subspace_svd"
    assert worst.is_right(), worst.bounds


@pytest.mark.parametrize("name", ["gemm", "cholesky", "qr", "solve_triangular", "lstsq", "svd", "eigh", "exp_elementwise", "soft_cap", "depthwise_conv"])
def test_what_is_a_little_off_is_seen(name, monkeypatch):
    right = getattr(cases.kernels, name)

    def off(result):
        return result * (1 + 1e-3) if isinstance(result, mx.array) else type(result)(each * (1 + 1e-3) for each in result)
    monkeypatch.setattr(cases.kernels, name, lambda *arguments, **options: off(right(*arguments, **options)))
    assert not SWEEP.sweep(cases.FUNCTIONS[name], [7]).is_right()


def test_a_result_that_is_no_number_is_seen(monkeypatch):
    right = cases.kernels.gemm
    monkeypatch.setattr(cases.kernels, "gemm", lambda *arguments, **options: right(*arguments, **options) * mx.array(float("nan")))
    assert not SWEEP.sweep(cases.gemm, [2]).is_right()


def test_the_page_names_every_function_and_its_worst_case():
    results = {"gemm": SWEEP.sweep(cases.gemm, [1, 3])}
    page = "\n".join(SWEEP.lines(results, [1, 3]))
    assert "| `gemm` | " in page and "product" in page
