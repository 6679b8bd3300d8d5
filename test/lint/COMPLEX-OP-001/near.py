# case: sqrt works since it has a kernel
import mlx.core as mx

def f(x: mx.array):
    return mx.sqrt(mx.fft.fft(x)) * mx.exp(mx.fft.fft(x))
# case: real parts
import mlx.core as mx

def f(x: mx.array):
    s = mx.fft.rfft(x)
    return mx.argmax(mx.abs(s)), mx.sigmoid(s.real)
# case: on the CPU
import mlx.core as mx

def f(x: mx.array):
    return mx.arctanh(mx.fft.fft(x), stream=mx.cpu)
# case: not complex
import mlx.core as mx

def f(x: mx.array):
    y = mx.fft.irfft(mx.fft.rfft(x))
    return mx.sigmoid(y), mx.argmax(y)
