"""Arrays that begin at a line of the cache, for all contenders. Where malloc puts one is luck: mapped memory begins 16 bytes into a line, what has been free before anywhere, and so the same code
took up to 1.2 times as long in one process as in the next (tiled GEMM, whose rows then lie in two lines each)."""

import numpy as np

LINE = 64
LEAST = 4096  # bytes: smaller ones stay where they are
numpy_empty, numpy_zeros, numpy_empty_like, numpy_zeros_like = np.empty, np.zeros, np.empty_like, np.zeros_like


def at_line(shape, dtype):
    """Nothing where it is small."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size < LEAST or dtype.hasobject:
        return None
    room = numpy_empty(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start:start + size].view(dtype).reshape(shape)


def placed(array):
    """A copy of an array."""
    made = at_line(array.shape, array.dtype)
    if made is None:
        return np.array(array)
    made[...] = array
    return made


def empty(shape, dtype=float, *order, **more):
    made = None if order or more else at_line(shape, dtype)
    return numpy_empty(shape, dtype, *order, **more) if made is None else made


def zeros(shape, dtype=float, *order, **more):
    made = None if order or more else at_line(shape, dtype)
    if made is None:
        return numpy_zeros(shape, dtype, *order, **more)
    made[...] = 0
    return made


def empty_like(array, *order, **more):
    plain = order or more or type(array) is not np.ndarray
    return numpy_empty_like(array, *order, **more) if plain else empty(array.shape, array.dtype)


def zeros_like(array, *order, **more):
    plain = order or more or type(array) is not np.ndarray
    return numpy_zeros_like(array, *order, **more) if plain else zeros(array.shape, array.dtype)


def place_all():
    """From now on NumPy's functions make such arrays."""
    np.empty, np.zeros, np.empty_like, np.zeros_like = empty, zeros, empty_like, zeros_like
