# case: ortho there, backward back
import mlx.core as mx

def smooth(x: mx.array):
    spectrum = mx.fft.rfft(x, norm="ortho")
    return mx.fft.irfft(spectrum)  # finds
# case: divided twice
import mlx.core as mx

def identity(x: mx.array, n):
    spectrum = mx.fft.fft(x, n=n)
    return mx.fft.ifft(spectrum, n=n) / n  # finds
# case: a convolution with ortho on both sides
import mlx.core as mx

def convolve(u: mx.array, k: mx.array, n):
    product = mx.fft.rfft(u, n=n, norm="ortho") * mx.fft.rfft(k, n=n, norm="ortho")
    return mx.fft.irfft(product, n=n, norm="ortho")  # finds
# case: nobody divides
import mlx.core as mx

def unscaled(x: mx.array):
    return mx.fft.ifft(mx.fft.fft(x), norm="forward")  # finds
# case: a filter between doesn't mend a root of n
import mlx.core as mx

def filtered(x: mx.array, h: mx.array):
    s = mx.fft.fft(x)
    return mx.fft.ifft(s * h, norm="ortho")  # finds
