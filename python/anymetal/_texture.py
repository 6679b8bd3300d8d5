"""Textures and samplers as arguments of ``anymetal.Library``'s kernels.

    image = anymetal.Texture(pixels, format="rgba8unorm")       # uint8, (height, width, 4)
    out = anymetal.Texture(format="rgba8unorm", width=64, height=64)
    smooth = anymetal.Sampler(filter="linear", address="repeat")
    library.kernel("blur")(image, out, smooth, grid=(64, 64))
    result = out.numpy()

Words are Metal's: "rgba8unorm" is MTLPixelFormatRGBA8Unorm, "repeat" is address::repeat.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ._library import _native

#: How many dimensions of an array count texels, by the texture's type: slices, z, y, x.
_DIMENSIONS = {"1d": 1, "1d_array": 2, "2d": 2, "2d_array": 3, "3d": 3, "cube": 3, "cube_array": 3, "buffer": 1}


class Texture:
    """Texels that kernels read, sample and write.

    ``array``: what level 0 begins with; its dimensions are, from the slowest to the fastest, those of the texture's ``type`` (slices, depth,
    height, width; six slices for each cube) and then the components, if the format has more than one. It is copied: kernels
    write into the texture, and ``numpy()`` or ``tobytes()`` give its texels back. Its elements must have the size of the format's
    components. Without an array the texels are zeros, and ``width``, ``height``, ``depth``, ``array_length`` give the sizes.

    ``format``: "r8unorm", "rgba16float", "bgra8unorm_srgb", "r32uint", "depth32float", ... ``type``: "1d", "1d_array", "2d",
    "2d_array", "3d", "cube", "cube_array" or "buffer". ``levels``: of the mip chain; ``replace`` fills each.
    """

    def __init__(self, array: Any = None, *, format: str = "rgba8unorm", type: str = "2d", width: int | None = None,
                 height: int = 1, depth: int = 1, array_length: int = 1, levels: int = 1) -> None:
        if type not in _DIMENSIONS:
            raise ValueError(f"a texture's type is one of {', '.join(_DIMENSIONS)}, not {type!r}")
        if array is not None:
            if width is not None:
                raise ValueError("give an array or sizes, not both: the sizes are the array's")
            width, height, depth, array_length = _sizes(array, format, type)
        elif width is None:
            raise ValueError("a texture needs an array or a width")
        self.format, self.type = format, type
        self.width, self.height, self.depth = width, height, depth
        self.array_length, self.levels = array_length, levels
        self._anymetal_native = _native().Texture.make(format, type, [width, height, depth, array_length, levels])
        if array is not None:
            self._fill(array)

    def _fill(self, array: Any) -> None:
        slices = self._anymetal_native.slices
        if slices == 1:
            self._anymetal_native.replace(array, 0, 0)
            return
        if len(array) != slices:
            raise ValueError(f"the array has {len(array)} slices, and the texture {slices}")
        for index in range(slices):
            self._anymetal_native.replace(array[index], 0, index)

    def replace(self, array: Any, level: int = 0, slice: int = 0) -> None:
        """Fills a whole slice of a level from an array, or from bytes."""
        self._anymetal_native.replace(array, level, slice)

    def tobytes(self, level: int = 0, slice: int = 0) -> bytes:
        """The texels of a slice of a level, row after row."""
        return self._anymetal_native.get(level, slice)

    def numpy(self, level: int = 0, slice: int | None = None) -> Any:
        """The texels of a level as a new NumPy array, in the form that ``array`` has; ``slice``: only this one."""
        import numpy

        dtype, components = _elements(self.format)
        shape = [max(1, self.depth >> level), max(1, self.height >> level), max(1, self.width >> level)]
        shape = shape[3 - (1 if self.type in ("1d", "1d_array", "buffer") else 3 if self.type == "3d" else 2):]
        if components > 1:
            shape.append(components)
        slices = range(self._anymetal_native.slices) if slice is None else [slice]
        parts = [numpy.frombuffer(self.tobytes(level, index), dtype).reshape(shape) for index in slices]
        several = slice is None and self.type in ("1d_array", "2d_array", "cube", "cube_array")
        return numpy.stack(parts) if several else parts[0].copy()

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in (self.width, self.height, self.depth))
        return f"<anymetal.Texture {self.type} {self.format} {size}, {self.array_length} elements, {self.levels} levels>"


class Sampler:
    """How a kernel's ``sampler`` argument filters and addresses.

    ``filter``: "nearest" or "linear", for ``mag_filter`` and ``min_filter`` both. ``mip_filter``: "none", "nearest", "linear".
    ``address``: one word or three (s, t, r): "clamp_to_edge", "clamp_to_zero", "clamp_to_border", "repeat", "mirrored_repeat",
    "mirror_clamp_to_edge". ``border_color``: "transparent_black", "opaque_black", "opaque_white". ``coord``: "normalized" or "pixel".
    ``compare_func``: "never", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "always".
    """

    def __init__(self, *, filter: str = "nearest", mag_filter: str = "", min_filter: str = "", mip_filter: str = "none",
                 address: str | Sequence[str] = "clamp_to_edge", border_color: str = "transparent_black",
                 coord: str = "normalized", compare_func: str = "never", lod_min: float = 0.0, lod_max: float = 16.0) -> None:
        modes = [address] * 3 if isinstance(address, str) else [*address]
        if not 1 <= len(modes) <= 3:
            raise ValueError("address is one mode or up to three of them")
        modes += [modes[-1]] * (3 - len(modes))
        self._anymetal_native = _native().Sampler.make(
            [filter, mag_filter, min_filter, mip_filter, border_color, coord, compare_func], modes, [lod_min, lod_max])


def _elements(format: str) -> tuple[str, int]:
    """NumPy's type of a format's component, and how many there are; packed formats are one integer."""
    match = re.fullmatch(r"(r|rg|rgba|bgra|a|depth)(8|16|32)(unorm_srgb|unorm|snorm|uint|sint|float)", format)
    if not match:
        return "uint32", 1
    letters, bits, kind = match[1], int(match[2]), match[3]
    components = 1 if letters == "depth" else len(letters)
    letter = "f" if kind == "float" else "i" if kind in ("snorm", "sint") else "u"
    return f"{letter}{bits // 8}", components


def _sizes(array: Any, format: str, type: str) -> tuple[int, int, int, int]:
    components = _elements(format)[1]
    shape = list(getattr(array, "shape", None) or memoryview(array).shape)
    wanted = _DIMENSIONS[type]
    fits = len(shape) == wanted + (components > 1) and (components == 1 or shape[-1] == components)
    if not fits:
        last = f" and {components} components" if components > 1 else ""
        raise ValueError(f"an array of shape {tuple(shape)} for a {type} texture of {format}: it needs {wanted} dimensions{last}")
    texels = shape[:wanted]
    slices = texels.pop(0) if type in ("1d_array", "2d_array", "cube", "cube_array") else 1
    if type.startswith("cube"):
        if slices % 6 or (type == "cube" and slices != 6):
            raise ValueError(f"a {type} texture has six slices for each cube, not {slices}")
        slices //= 6
    depth, height, width = [1] * (3 - len(texels)) + texels
    return width, height, depth, slices
