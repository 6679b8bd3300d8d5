"""Whole .metal files, each about a section of Metal's specification, with the numbers that it must give.

The head of a file says how it runs: comment lines `// WORD: ...`, in which

    // grid: 8            threads; or `threadgroups: 2`
    // threadgroup: 4
    // kernel: name       the first of the file unless said otherwise
    // constants: wide=1 2=5
    // math: fast         safe unless said otherwise
    // memory: 0=64       bytes of [[threadgroup(0)]]
    // in x: float 1 2 3  a buffer, by the name of its parameter
    // value n: 3         a scalar, or several for a vector
    // out y: int 1 2 3   a buffer of zeros, and what it holds afterwards
    // inout z: uint 1 2 => 3 4

Expected numbers are worked out by hand from the specification, not by running anything.
"""

import re
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
import anymetal  # noqa: E402

FOLDER = Path(__file__).parent
TYPES = {"half": "f2", "float": "f4", "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
         "long": "i8", "ulong": "u8", "bool": "?"}


def number(word):
    if word.lower().startswith(("0x", "-0x")):
        return int(word, 16)
    return float(word) if re.search(r"[.e]|inf|nan", word, re.I) else int(word)


def array(type, words):
    return np.array([number(word) for word in words], TYPES[type])


def pairs(text):
    return {int(key) if key.isdecimal() else key: number(value) for key, value in (word.split("=") for word in text.split())}


def run(path):
    """(actual, expected) by the name of the buffer."""
    settings, arguments, expected = {}, {}, {}
    for word, name, text in re.findall(r"^// (\w+)(?: (\w+))?: (.*)$", path.read_text(), re.M):
        if word in ("in", "out", "inout"):
            type, *words = text.split()
            if word == "inout":
                at = words.index("=>")
                arguments[name], expected[name] = array(type, words[:at]), array(type, words[at + 1:])
            elif word == "out":
                expected[name] = array(type, words)
                arguments[name] = np.zeros_like(expected[name])
            else:
                arguments[name] = array(type, words)
        elif word == "value":
            values = [number(each) for each in text.split()]
            arguments[name] = values if len(values) > 1 else values[0]
        elif word in ("grid", "threadgroups", "threadgroup"):
            settings[word] = tuple(map(int, text.split()))
        else:
            settings[word] = text
    assert expected, f"{path} expects nothing"
    library = anymetal.Library(path, math_mode=settings.pop("math", "safe"))
    kernel = library.kernel(settings.pop("kernel", library.kernels[0]), pairs(settings.pop("constants", "")))
    kernel(**arguments, threadgroup_memory=pairs(settings.pop("memory", "")), **settings)
    return {name: (arguments[name], value) for name, value in expected.items()}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.metal")), ids=lambda path: path.stem)
def test_file(path):
    for name, (actual, expected) in run(path).items():
        np.testing.assert_array_equal(actual, expected, err_msg=f"{path.name}: {name}")


def test_each_file_says_what_it_is_about():
    for path in FOLDER.glob("*.metal"):
        assert re.match(r"// Metal Shading Language Specification, [^\n]+\n", path.read_text()), path
