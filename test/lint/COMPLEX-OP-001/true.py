# case: refused by MLX
import mlx.core as mx

def f(x: mx.array):
    spectrum = mx.fft.fft(x)
    return mx.sigmoid(spectrum)  # finds
# case: no kernel on Metal
import mlx.core as mx

z = mx.array([1j, 2.0])
w = mx.arctanh(mx.fft.fft(mx.zeros((4,))))  # finds
# case: argmax
import mlx.core as mx

def peak(x: mx.array):
    return mx.argmax(mx.fft.rfft(x))  # finds
# case: the rest of a division
import mlx.core as mx

def f(x: mx.array):
    z = x.astype(mx.complex64)
    return z % 2  # finds
