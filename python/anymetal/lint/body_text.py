"""A kernel's body as words, without a compiler: enough to see which names it uses, whether it looks at its position, whether it
returns. What needs to be understood is asked of `lint_kernel`.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*(?:[eE][+-]?\d+)?\w*|::|->|<<=|>>=|&&|\|\||[<>=!+\-*/%&|^]=|\+\+|--|<<|.", re.S)
TYPES = set("""
void bool char uchar short ushort int uint long ulong float half double bfloat bfloat16_t float16_t int8_t uint8_t int16_t uint16_t int32_t uint32_t int64_t
uint64_t size_t ptrdiff_t auto unsigned signed const constexpr device constant threadgroup thread volatile static struct complex64_t
""".split())
TYPES |= {f"{name}{n}" for name in "bool char uchar short ushort int uint long ulong float half bfloat packed_float packed_half".split() for n in (2, 3, 4)}
KEYWORDS = set("if else for while do return break continue switch case default goto sizeof true false using namespace typedef template typename class enum "
               "union public private operator new delete this nullptr inline extern".split())
ATTRIBUTES = {
    "dispatch_quadgroups_per_threadgroup", "dispatch_simdgroups_per_threadgroup", "dispatch_threads_per_threadgroup", "grid_origin", "grid_size",
    "quadgroup_index_in_threadgroup", "quadgroups_per_threadgroup", "simdgroup_index_in_threadgroup", "simdgroups_per_threadgroup",
    "thread_execution_width", "thread_index_in_quadgroup", "thread_index_in_simdgroup", "thread_index_in_threadgroup", "thread_position_in_grid",
    "thread_position_in_threadgroup", "threadgroup_position_in_grid", "threadgroups_per_grid", "threads_per_grid", "threads_per_simdgroup",
    "threads_per_threadgroup"}
OPERATORS = set("+ - * / % < > <= >= == != && || << >> = += -= *= /= [ return ?".split())
COMPARISONS = {"<", ">", "<=", ">=", "==", "!="}
KNOWN = {"metal", "simd", "precise", "fast", "mem_flags", "INFINITY", "NAN", "FLT_MAX", "FLT_MIN", "HALF_MAX", "MAXFLOAT", "Limits", "utils", "std"}


@lru_cache(maxsize=256)
def words(text: str) -> tuple[tuple[str, int], ...]:
    """(word, offset), without comments, strings and blanks."""
    return tuple((match[0], match.start()) for match in _WORD.finditer(text) if not match[0].isspace() and match[0][0] not in "\"'"
                 and not match[0].startswith(("//", "/*")))


def uses(text: str, name: str) -> bool:
    return any(word == name or word in (f"{name}_shape", f"{name}_strides", f"{name}_ndim") for word, _ in words(text))


def is_macro_heavy(text: str) -> bool:
    return "#define" in text


def signature(text: str) -> tuple[int, int, str] | None:
    """Where a body has what belongs to a whole function: a kernel declaration, or attributes of parameters."""
    found = words(text)
    for number, (word, at) in enumerate(found):
        if word in ("kernel", "vertex", "fragment") and number + 1 < len(found):
            after = [each for each, _ in found[number + 1:number + 4]]
            if after[0] == "void" or (len(after) > 2 and after[2] == "("):
                return at, at + len(word), f"`{word} {' '.join(after[:2])}(...)`"
        if word == "[" and [each for each, _ in found[number:number + 2]] == ["[", "["] and number + 2 < len(found):
            inside = found[number + 2][0]
            if inside in ATTRIBUTES | {"buffer", "kernel", "texture", "host_name", "function_constant"}:
                return at, at + 2 + len(inside), f"`[[{inside}...`"
    return None


def includes(text: str) -> list[tuple[int, int]]:
    return [(match.start(), match.end()) for match in re.finditer(r"^[ \t]*#[ \t]*include[^\n]*", text, re.M)]


def undeclared(text: str, known: set[str], header: str) -> list[tuple[str, int]]:
    """Plain names that nothing in the body or the header can declare. Careful: what could be a declaration counts as one."""
    if is_macro_heavy(text) or "#" in text:
        return []
    found = words(text)
    elsewhere = {word for word, _ in words(header)}
    declared: set[str] = set()
    places: dict[str, int] = {}
    for number, (word, at) in enumerate(found):
        if not (word[0].isalpha() or word[0] == "_") or word in TYPES | KEYWORDS | ATTRIBUTES | KNOWN:
            continue
        before = found[number - 1][0] if number else ";"
        after = found[number + 1][0] if number + 1 < len(found) else ";"
        if before in (".", "->", "::") or after in ("::", "(", "<", "{"):
            if after in ("(", "{") and before != "::" and (before == "," or before[0].isalpha() or before == ">"):
                declared.add(word)  # float4 v(1), w(2);
            continue
        if _may_declare(found, number, before, after):
            declared.add(word)
        places.setdefault(word, at)
    return [(word, at) for word, at in places.items() if word not in declared | known | elsewhere and not word.isupper() and len(word) < 40
            and not word.startswith(("M_", "mem_", "memory_order", "metal", "__"))]


_LIMITS = re.compile(r"M_\w+|\w+_(MAX|MIN|EPSILON|BIT|DIG)|MAXFLOAT|MAXHALF|HUGE_VALF?|METAL_\w+|__\w+")


def template_names(text: str, known: set[str], header: str) -> list[tuple[str, bool]]:
    """Names with a capital that nothing else explains: template arguments whose call isn't seen. With each, whether it is a type."""
    found = words(text)
    elsewhere = {word for word, _ in words(header)}
    declared: set[str] = set()
    types: dict[str, bool] = {}
    for number, (word, _) in enumerate(found):
        if not word[0].isupper() or word in known | elsewhere | KNOWN or _LIMITS.fullmatch(word):
            continue
        before = found[number - 1][0] if number else ";"
        after = found[number + 1][0] if number + 1 < len(found) else ";"
        if before in (".", "->", "::") or after in ("::", "<"):
            continue
        if before[0].isalpha() and before not in KEYWORDS | {"const", "device", "constant", "threadgroup", "thread", "constexpr", "static", "volatile"}:
            declared.add(word)
        behind = found[number + 2][0] if number + 2 < len(found) else ";"
        is_cast = before == "(" and after == ")" and (behind == "(" or behind[0].isalnum() or behind[0] == "_")
        is_type = after[0].isalpha() or after in ("*", "&", "(") and before not in OPERATORS or before == "<" and after in (">", ",") or is_cast
        types[word] = types.get(word, False) or is_type
    return [(name, is_type) for name, is_type in types.items() if name not in declared]


def _may_declare(found: tuple, number: int, before: str, after: str) -> bool:
    if before in ("*", "&", "&&"):
        earlier = found[number - 2][0] if number > 1 else ";"
        return earlier in TYPES or earlier in ("*", "&", ">") or (earlier[0].isalpha() and earlier not in KEYWORDS and number > 2
                                                                  and found[number - 3][0] in (";", "{", "}", "(", ",", "const", "device", "constant", "threadgroup"))
    if before[0].isalnum() or before[0] == "_":
        return before not in KEYWORDS - {"struct", "class", "enum", "typename", "namespace", "using", "auto"}
    if before == ">" and after in ("=", ";", ",", "[", ":"):
        return True
    if before in (",", "[") and after in ("=", ";", ",", "[", "]", ")", ":"):
        return _is_declaration_list(found, number)
    return before in ("]",)


def _is_declaration_list(found: tuple, number: int) -> bool:
    """Whether the statement of a name behind a comma begins with a type."""
    depth = 0
    for at in range(number - 1, -1, -1):
        word = found[at][0]
        if word in (")", "]"):
            depth += 1
        elif word in ("(", "["):
            if depth == 0:
                if word == "(":
                    return at > 0 and (found[at - 1][0] in ("for", "]"))  # a call; for (uint i = 0, j = 0; ...); the parameters of a lambda
                return False
            depth -= 1
        elif word in (";", "{", "}") and depth == 0:
            return found[at + 1][0] in TYPES or (at + 2 < len(found) and found[at + 2][0][0].isalpha() and found[at + 1][0] not in KEYWORDS)
    return found[0][0] in TYPES


def _assignments(text: str) -> list[tuple[str, str]]:
    """(name, expression) of each `name = expression`, also of those behind commas."""
    found = []
    for statement in re.split(r"[;{}]", _plain(text)):
        depth, start, pieces = 0, 0, []
        for at, c in enumerate(statement):
            depth += (c in "([") - (c in ")]")
            if c == "," and depth <= 0:
                pieces.append(statement[start:at])
                start = at + 1
        for piece in [*pieces, statement[start:]]:
            if match := re.search(r"\b([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)?=(?!=)(.*)", piece, re.S):
                found.append((match[1], match[2]))
    return found


def _mentions(text: str, axis: int) -> bool:
    return re.search(rf"\bthread_position_in_grid\b(?:\s*\.\s*(?:{'xyz'[axis]}\b|[xyz]{{2,3}}\b)|(?!\s*\.))", text) is not None


def positions(text: str, axis: int = 0) -> set[str]:
    """Names that hold a thread's position in the grid along an axis, or come from it."""
    names: set[str] = set()
    assignments = _assignments(text)
    for _ in range(4):
        before = len(names)
        names |= {name for name, value in assignments if _mentions(value, axis) or {word for word, _ in words(value)} & names}
        if len(names) == before:
            break
    return names


def looks_at_position(text: str, axis: int) -> bool:
    return _mentions(_plain(text), axis)


def is_guarded(text: str, axis: int) -> bool:
    """Whether anything compares, clamps or chooses by the position: then the last threads may be stopped."""
    names = positions(text, axis)
    for statement in re.split(r"[;{}]", _plain(text)):
        inside = {word for word, _ in words(statement)}
        if inside & (COMPARISONS | {"min", "clamp", "?", "%", "select"}) and (inside & names or _mentions(statement, axis)):
            return True
    return False


def _plain(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda match: " " * len(match[0]), text, flags=re.S)


def indexed_inputs(text: str, names: list[str]) -> list[tuple[str, int]]:
    """Inputs with NAME[...] where neither strides nor elem_to_loc are used for them."""
    if any(word == "elem_to_loc" or word.startswith("elem_to_loc") for word, _ in words(text)):
        return []
    found = words(text)
    all_words = {word for word, _ in found}
    result = []
    for name in names:
        if f"{name}_strides" in all_words:
            continue
        for number, (word, at) in enumerate(found):
            if word == name and number + 1 < len(found) and found[number + 1][0] == "[":
                index = found[number + 2][0] if number + 2 < len(found) else ""
                closing = found[number + 3][0] if number + 3 < len(found) else ""
                if index.isdigit() and closing == "]":
                    continue  # params[0]
                result.append((name, at))
                break
    return result
