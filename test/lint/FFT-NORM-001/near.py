# case: the same on both sides
import mlx.core as mx

def f(x: mx.array):
    a = mx.fft.ifft(mx.fft.fft(x))
    b = mx.fft.irfft(mx.fft.rfft(x, norm="ortho"), norm="ortho")
    return a, b, mx.fft.ifftn(mx.fft.fftn(x, norm="forward"), norm="forward")
# case: divided by hand, once
import mlx.core as mx

def long_convolution(u: mx.array, k: mx.array, n):
    k_f = mx.fft.rfft(k, n=n) / n
    u_f = mx.fft.rfft(u, n=n)
    return mx.fft.irfft(u_f * k_f, n=n, norm="forward")
# case: a convolution
import mlx.core as mx

def convolve(u: mx.array, k: mx.array, n):
    return mx.fft.irfft(mx.fft.rfft(u, n=n) * mx.fft.rfft(k, n=n), n=n)
# case: divided behind
import mlx.core as mx

def scaled_later(x: mx.array, n):
    y = mx.fft.ifft(mx.fft.fft(x, n=n), n=n, norm="forward")
    return y / n
# case: a spectrum from elsewhere
import mlx.core as mx

def back(spectrum: mx.array):
    return mx.fft.irfft(spectrum, norm="ortho")
# case: one way only
import mlx.core as mx

def power(x: mx.array):
    return mx.abs(mx.fft.rfft(x, norm="ortho")) ** 2
