"""Modules that `anymetal port --to-torch` makes, run by PyTorch: under `anymetal run` for "mps", and what they give beside torch's own operations."""

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

ROWS = """//! --input x:float32[64,32] --input scale:float32 --input w:float16[4] --input keep:bool_[64]
//! --output sums:float32[64] --output counts:int32[64] --template N=4 --name rows --threadgroup 32 --grid 64
uint row = thread_position_in_grid.x;
if (row >= uint(x_shape[0])) return;
float sum = 0;
for (int i = 0; i < x_shape[1]; ++i) sum += x[row * x_strides[0] + i] * scale * float(w[i % N]);
sums[row] = keep[row] ? sum : 0;
counts[row] = sum > 1 ? x_ndim : 0;
"""
COUNT = """//! --input x:int32[100] --output bins:uint32[4] --atomic-outputs --name count --threadgroup 32 --grid 100
uint i = thread_position_in_grid.x;
atomic_fetch_add_explicit(&bins[x[i]], 1, memory_order_relaxed);
"""
SCRIPT = """
import torch, rows, count
x = torch.randn(40, 64, device="mps").T  # not contiguous
keep = torch.arange(64, device="mps") % 3 > 0
scale, w = torch.tensor(0.5, device="mps"), torch.tensor([1, 2, 3, 4], dtype=torch.float16, device="mps")
sums, counts = rows.rows(x, scale, w, keep, sums_shape=(64,), counts_shape=(64,), threads=(64,), group_size=(32,))
expected = (x.cpu() * 0.5 * w.cpu().float().repeat(10)[None]).sum(1)
torch.testing.assert_close(sums.cpu(), torch.where(keep.cpu(), expected, 0.0), rtol=1e-5, atol=1e-5)
assert counts.dtype == torch.int32 and torch.equal(counts.cpu(), torch.where(expected > 1, 2, 0).int()) and sums.is_mps
x = torch.randint(0, 4, (100,), dtype=torch.int32, device="mps")
assert count.count(x, bins_shape=(4,), threads=(100,), group_size=(32,)).cpu().tolist() == torch.bincount(x.cpu(), minlength=4).tolist()
print("equal")
"""


def test_modules_for_torch_run(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    for name, text in (("rows", ROWS), ("count", COUNT)):
        (tmp_path / f"{name}.metal").write_text(text)
        done = subprocess.run([sys.executable, "-m", "anymetal._port", "--to-torch", str(tmp_path / f"{name}.metal"), "-o", str(tmp_path / f"{name}.py")],
                              capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, "-m", "anymetal", "-c", SCRIPT], capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0 and done.stdout == "equal\n", done.stderr
