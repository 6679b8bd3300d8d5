"""What a kernel's variables and tables are to the model: bytes, outside of which reads give 0 and writes are none."""

import struct


def wrap(x):
    """As an int of 32 bits."""
    x &= 0xFFFFFFFF
    return x - (1 << 32) if x >> 31 else x


class Memory:
    def __init__(self, content):
        self.content = bytearray(content)

    def is_inside(self, offset, size):
        return 0 <= offset and offset + size <= len(self.content)

    def read(self, offset, kind):
        """As an int; `kind` is struct's letter of a type, or 4 of them for a component of a vector, which is read as a whole."""
        kind, _, component = kind.partition(".")
        size = struct.calcsize("<" + kind)
        if not self.is_inside(offset, size):
            return 0
        return wrap(int(struct.unpack_from("<" + kind, self.content, offset)[int(component or 0)]))

    def write(self, offset, kind, value):
        size = struct.calcsize("<" + kind)
        if not self.is_inside(offset, size):
            return
        if kind == "?":
            value = value != 0
        elif kind == "e":
            value = float(value)
        else:
            value &= (1 << 8 * size) - 1
            kind = kind.upper()
        struct.pack_into("<" + kind, self.content, offset, value)


def copy(to, at, source, begin, size):
    """Of a struct: outside as a whole."""
    data = bytes(source.content[begin:begin + size]) if source.is_inside(begin, size) else bytes(size)
    if to.is_inside(at, size):
        to.content[at:at + size] = data
