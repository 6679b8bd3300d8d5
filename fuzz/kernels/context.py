"""Types, and where a piece of a kernel stands."""

from dataclasses import dataclass, replace

WEIGHTED = (["int"] * 4 + ["uint"] * 4 + ["float"] * 4 + ["half"] * 2 + ["short", "ushort", "char", "uchar", "long", "ulong", "bool"] * 2
            + ["bfloat"])
BITS = {"char": 8, "uchar": 8, "short": 16, "ushort": 16, "int": 32, "uint": 32, "long": 64, "ulong": 64}
BYTES = {"bool": 1, "half": 2, "bfloat": 2, "float": 4, **{name: bits // 8 for name, bits in BITS.items()}}
# What a thread knows of itself, and the inputs: names of the kernel's parameters.
PLACES = ("lid", "lane", "in_grid.x", "group3.x", "in_group.y", "size3.x", "simdgroup", "simdgroups", "grid3.x", "number")
SOURCES = ("ints", "floats", "halves")


def element(type):
    return type[:-1] if type[-1] in "234" else type


def width(type):
    return int(type[-1]) if type[-1] in "234" else 1


def is_float(type):
    return element(type) in ("float", "half", "bfloat")


def size_of(type):
    return BYTES[element(type)] * (4 if width(type) == 3 else width(type))


@dataclass(frozen=True)
class Variable:
    name: str
    type: str
    free: bool = True  # may be assigned
    thread: bool = True  # a whole object in a thread's own memory: may be referred to


@dataclass(frozen=True)
class Context:
    """Where a statement stands."""

    variables: tuple = ()
    depth: int = 0
    uniform: bool = True  # all threads of the threadgroup are here: barriers are allowed
    lockstep: bool = True  # lanes that aren't here are marked by SIMD_ words: simdgroup functions are allowed
    full: bool = True  # all lanes of the simdgroup are here
    loops: int = 0  # SIMD_ constructs between here and the innermost SIMD_FOR; 0: none
    in_loop: bool = False  # in a plain loop
    turn: str = ""  # the counter of the loop that all threads of the threadgroup are in together, if they are
    places: tuple = PLACES
    sources: tuple = SOURCES
    kernel: bool = True  # not in a function: its results can be stored
    returns: str = ""  # type of the function that may be left from here ("void" too)

    def with_variables(self, *more):
        return replace(self, variables=(*self.variables, *more))
