"""A script as people write it for a Mac: every line works on "mps". Prints what the test compares."""

import torch

assert torch.backends.mps.is_available() and torch.backends.mps.is_built()
device = torch.device("mps" if torch.backends.mps.is_available() else "cpu")
library = torch.mps.compile_shader("""
#include <metal_stdlib>
using namespace metal;
kernel void full(device float* out, constant float& value, uint i [[thread_position_in_grid]]) { out[i] = value; }
kernel void relu(device const float* x [[buffer(0)]], device float* y [[buffer(1)]], constant long& n [[buffer(2)]],
                 uint i [[thread_position_in_grid]]) { if (i < uint(n)) y[i] = max(x[i], 0.0f); }
""")
x = torch.zeros(16, device="mps")
library.full(x, 3.14)
assert x.device.type == "mps" and x.is_mps and str(x.device) == "mps:0", x.device
assert abs(x.cpu().sum().item() - 16 * 3.14) < 1e-4
host = x.cpu()
assert host.device.type == "cpu"
library.full(x, 1.0, threads=8, group_size=4)
assert host[0].item() != 1.0, "a copy on the host must not follow the device"
print(x.tolist())


class Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        assert x.is_contiguous() and x.device.type == "mps"
        y = torch.empty_like(x)
        library.relu(x, y, x.numel(), threads=(x.numel(),), group_size=(min(x.numel(), 64),))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        assert gradient.device.type == "mps"
        return gradient * (y > 0)


torch.manual_seed(0)
layer = torch.nn.Linear(4, 3).to(device)
assert next(layer.parameters()).device.type == "mps"
inputs = torch.randn(5, 4).to("mps").requires_grad_()
outputs = Relu.apply(layer(inputs))
assert outputs.device.type == "mps"
outputs.sum().backward()
torch.mps.synchronize()
expected = torch.relu(torch.nn.functional.linear(inputs, layer.weight, layer.bias))
assert torch.equal(outputs, expected)
mask = (expected > 0).float()
torch.testing.assert_close(inputs.grad, mask @ layer.weight)
print("gradients agree")
for make in (lambda: torch.zeros(2, dtype=torch.float64, device="mps"), lambda: torch.zeros(2, dtype=torch.float64).to("mps")):
    try:
        make()
    except TypeError as error:
        print(str(error)[:49])
with torch.device("mps"):
    assert torch.ones(2).device.type == "mps"
torch.set_default_device("mps")
assert torch.ones(2).device.type == "mps" and torch.arange(3).is_mps
torch.set_default_device("cpu")
assert torch.ones(2).device.type == "cpu"
try:
    torch.mps.load_metallib("x.metallib")
except NotImplementedError as error:
    print(error)
