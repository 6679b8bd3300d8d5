"""Findings in a kernel's text come back to the user's file, through escapes, sums, holes and dedent; requests carry what is known.

The kernel side is played by a function that finds a word: what it says of the text has to arrive at that word in the file."""

import pytest

from anymetal.lint import engine, kernel_cache
from anymetal.lint.registry import RULES
from anymetal.lint.rule import Rule


@pytest.fixture(autouse=True)
def a_rule(monkeypatch):
    monkeypatch.setitem(RULES, "FAKE-WORD-001", Rule("FAKE-WORD-001", "A word", "warning", "kernel"))


class WordFinder:
    """Says where `needle` is, in the body or the header."""

    def __init__(self):
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        for where in ("text", "header"):
            for number, line in enumerate((request[where] or "").split("\n"), 1):
                if "needle" in line:
                    column = line.index("needle") + 1
                    place = {"line": number, "column": column, "end_line": number, "end_column": column + 6}
                    fix = {"start_line": number, "start_column": column, "end_line": number, "end_column": column + 6, "text": "thread"}
                    return [{"rule": "FAKE-WORD-001", **place, "where": where, "message": "a needle", "remedy": "a thread", "fixes": [fix]}]
        return []


def lint(text, path="case.py"):
    finder = WordFinder()
    findings, troubles = engine.lint_text(path, text, finder)
    assert not troubles
    return [each for each in findings if each.rule == "FAKE-WORD-001"], finder.requests


def arrives(text, path="case.py", exact=True):
    """The one finding, at the one `needle` of the file."""
    findings, _ = lint(text, path)
    (finding,) = findings
    line = text.split("\n")[finding.place.line - 1]
    assert line[finding.place.column - 1:].startswith("needle"), (finding.place, line)
    if exact:
        assert finding.place.end_column == finding.place.column + 6
        (edit,) = finding.edits
        assert text[edit.start:edit.end] == "needle" and edit.text == "thread"
    return finding


KERNEL = 'import mlx.core as mx\nimport textwrap\n{before}\nk = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source={source}, header={header})\n'


def kernel(source, header='""', before=""):
    return KERNEL.replace("{source}", source).replace("{header}", header).replace("{before}", before)


@pytest.mark.parametrize("source", [
    '"b[0] = needle(a[0]);"',
    "'b[0] = needle(a[0]);'",
    'r"""\n  float x = a[0];\n  b[0] = needle(x);\n"""',
    '"""\n\tint y; \\\n  b[0] = needle(a[0]);\n"""',
    r'"float x = a[0];\n\tb[0] = \x28needle(x)\u0029;"',
    r'"\101\N{LATIN SMALL LETTER A WITH DIAERESIS} \q needle"',
    '("float x = a[0];\\n"  # a comment\n   r"b[0] = needle(x);")',
    '"float x; " + "b[0] = needle(x);"',
    '"漢字 needle"',
    'textwrap.dedent("""\n        float x = a[0];\n        b[0] = needle(x);\n    """)',
    '"""\n\n   b[0] = needle(a[0]);  """.strip()',
    '"b[0] = N;  needle".replace("N", "1")',
    '"\\n".join(["float x;", "b[0] = needle(x);"])',
], ids=range(13))
def test_a_word_in_the_source(source):
    arrives(kernel(source))


def test_by_name_and_in_a_function():
    arrives(kernel("BODY", before='PART = "float x;\\n"\nBODY = PART + "b[0] = needle(x);"'))
    arrives("import mlx.core as mx\ndef make():\n    source = '''\n      b[0] = needle(a[0]);\n    '''\n"
            "    return mx.fast.metal_kernel(name='k', input_names=['a'], output_names=['b'], source=source)\n")


def test_in_an_f_string():
    arrives(kernel('f"const int n = {N}; if (n) {{ b[0] = needle(a[n]); }}"', before="N = 3"))
    arrives(kernel('f"""\n  {PART}\n  b[0] = needle(a[0]);"""', before='PART = "int x = 0;"'))


def test_in_what_was_put_into_an_f_string():
    arrives(kernel('f"{PART} b[0] = 1;"', before='PART = "b[1] = needle(a[0]);"'))


def test_in_the_header():
    arrives(kernel('"b[0] = f(a[0]);"', header='r"""\nfloat f(float x) { return needle(x); }\n"""'))


def test_a_hole_that_is_not_known_is_not_compiled():
    findings, requests = lint("import mlx.core as mx\ndef make(n):\n    return mx.fast.metal_kernel(name='k', input_names=['a'], output_names=['b'], "
                              "source=f'b[0] = needle(a[{n}]);')\n")
    assert findings == [] and requests == []


def test_comments_in_the_string_silence():
    findings, _ = lint(kernel('"""\n  b[0] = needle(a[0]);  // anymetal: ignore[FAKE-WORD-001]\n"""'))
    assert findings == []


def test_metal_files_and_cpp():
    arrives("#include <metal_stdlib>\nkernel void f(device float* x [[buffer(0)]]) {\n  needle(x);\n}\n", "f.metal")
    arrives('auto k = metal_kernel("k", {"a"}, {"b"}, R"metal(\n  b[0] = needle(a[0]);\n)metal");\n', "f.cpp")
    arrives('const char* body = R"(\n  b[0] = needle(a[0]);\n)";\nauto k = mx::fast::metal_kernel("k", {"a"}, {"b"}, body, "");\n', "f.cc")
    arrives('std::string library = R"(\nkernel void f(device float* x [[buffer(0)]]) { needle(x); }\n)";\n', "f.mm")
    findings, requests = lint('const char* sql = R"(select needle)";\n', "f.cpp")
    assert requests == []


def test_whole_files_in_python_strings():
    arrives('import anymetal\nlibrary = anymetal.Library("""\nkernel void f(device float* x [[buffer(0)]]) { needle(x); }\n""")\n')
    arrives('import torch\nlibrary = torch.mps.compile_shader("kernel void f(device float* x [[buffer(0)]]) { needle(x); }")\n')


def test_what_a_request_says():
    _, (request,) = lint('''
import mlx.core as mx
N = 8
k = mx.fast.metal_kernel("gather", ["a", "i", "n"], ["b"], "b[0] = a[i[0]] * n;", ensure_row_contiguous=False, atomic_outputs=True,
                         compile_options={"math_mode": "fast"})
a = mx.zeros((4,), dtype=mx.float16)
k(inputs=[a, mx.array([1, 2], dtype=mx.uint32), mx.array(3.0)], template=[("T", mx.float16), ("W", N), ("B", True)], grid=(N * 32, 1, 1),
  threadgroup=(32, 2), output_shapes=[(4,)], output_dtypes=[mx.float16])
''')
    assert request["kind"] == "body" and request["name"] == "gather" and request["text"] == "b[0] = a[i[0]] * n;" and request["header"] == ""
    assert request["input_names"] == ["a", "i", "n"] and request["output_names"] == ["b"]
    assert request["template_args"] == [["T", "float16"], ["W", 8], ["B", True]]
    assert request["inputs"] == [{"dtype": "float16", "shape": None}, {"dtype": "uint32", "shape": [2]}, {"dtype": "float32", "shape": []}]
    assert request["output_dtypes"] == ["float16"] and request["grid"] == [256, 1, 1] and request["threadgroup"] == [32, 2, 1]
    assert request["ensure_row_contiguous"] is False and request["atomic_outputs"] is True and request["math_mode"] == "fast"


def test_the_call_that_says_most_is_taken():
    _, (request,) = lint('''
import mlx.core as mx
k = mx.fast.metal_kernel("copy", ["a"], ["b"], "b[0] = a[0];")
def f(x, n):
    k(inputs=[x], grid=(n, 1, 1), threadgroup=(n, 1, 1), output_shapes=[(4,)], output_dtypes=[x.dtype])
k(inputs=[mx.zeros((4,))], grid=(4, 1, 1), threadgroup=(4, 1, 1), output_shapes=[(4,)], output_dtypes=[mx.float32])
''')
    assert request["threadgroup"] == [4, 1, 1] and request["inputs"][0]["dtype"] == "float32"


def test_a_fault_of_the_kernel_side_is_a_trouble_and_other_findings_stay():
    def broken(request):
        raise RuntimeError("boom")

    findings, (trouble,) = engine.lint_text("a.py", kernel('"b[0] = a[0];"') + "x = float(mx.zeros((1,)))\n", broken)
    assert [each.rule for each in findings] == ["GRAPH-BREAK-001"]
    assert "internal error" in trouble.message and "boom" in trouble.message


def test_kernels_are_asked_once_and_remembered_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYMETAL_CACHE_DIR", str(tmp_path))
    finder = WordFinder()
    text = kernel('"b[0] = needle(a[0]);"')
    for ask in (kernel_cache.remembered(finder), kernel_cache.remembered(finder)):
        for path in ("a.py", "b.py"):
            findings, _ = engine.lint_text(path, text, ask)
            assert [each.path for each in findings] == [path]
    assert len(finder.requests) == 1
    (entry,) = (tmp_path / "lint").glob("*/*.json")
    entry.write_text(entry.read_text().replace("a needle", "a poodle"))
    findings, _ = engine.lint_text("a.py", text, kernel_cache.remembered(finder))
    assert findings[0].message == "a needle" and len(finder.requests) == 2
    assert kernel_cache.remembered(finder)({**finder.requests[0], "threadgroup": [64, 1, 1]}) and len(finder.requests) == 3


def test_where_they_are_remembered_is_where_kernels_are(monkeypatch):
    for name in ("ANYMETAL_CACHE_DIR", "ANYMETAL_CACHE_SIZE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/h")
    assert str(kernel_cache.folder()) == "/h/.cache/anymetal/lint"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert str(kernel_cache.folder()) == "/h/.cache/anymetal/lint"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(kernel_cache.folder()) == "/x/anymetal/lint"
    monkeypatch.setenv("ANYMETAL_CACHE_DIR", "/own")
    assert str(kernel_cache.folder()) == "/own/lint"
    monkeypatch.setenv("ANYMETAL_CACHE_SIZE", "0")
    assert kernel_cache.folder() is None


def test_other_lines_that_a_message_names(monkeypatch):
    text = kernel('"""\n  uint i = 0;\n  thread int needle = 1;\n"""', header='"""// one\n// two\n"""')

    def finder(request):
        return [{"rule": "FAKE-WORD-001", "line": 3, "column": 14, "end_line": 3, "end_column": 20, "where": "text",
                 "message": "beside line 2 and line 2 of the header", "remedy": "look at line 1", "fixes": []}]

    findings, _ = engine.lint_text("case.py", text, finder)
    (finding,) = [each for each in findings if each.rule == "FAKE-WORD-001"]
    lines = text.split("\n")
    said = [int(word) for word in finding.message.replace(" and", "").split() if word.isdigit()]
    assert "uint i" in lines[said[0] - 1] and "// two" in lines[said[1] - 1]
    assert f"line {finding.place.line - 2}" in finding.remedy


def test_a_cast_says_that_a_template_argument_is_a_type():
    from anymetal.lint import body_text

    assert body_text.template_names("out[i] = (T)(a * b); float x = float(y[i]) * (N) * 2;", {"out", "a", "b", "y"}, "") == [("T", True), ("N", False)]


def test_pieces_of_texts_in_cpp():
    def finder(request):
        return [{"rule": "KERNEL-COMPILE-001", "line": 2, "column": 1, "end_line": 2, "end_column": 2, "where": "text", "message": message, "remedy": "", "fixes": []}
                for message in ("use of undeclared identifier 'other'",)]

    assert not lint_with('auto k = R"(\nkernel void f(device float* x) { x[0] = other(1); }\n)";\n', "f.cpp", finder)
    asked = []
    lint_with('auto k = R"(\n[[kernel]] void f{0}(device {1}* x) {{ x[0] = 1; }}\n)";\n', "f.cpp", lambda request: asked.append(request) or [])
    assert not asked


def lint_with(text, path, finder):
    return engine.lint_text(path, text, finder)[0]
