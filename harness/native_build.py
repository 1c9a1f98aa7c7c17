# SPDX-License-Identifier: ISC
"""Writes the C source of `powercut._native`, the cffi binding, from the public headers.

    python native_build.py --output _native.c blockdev.h skink.h powercut.h

The declarations that cffi reads are what the headers say, less comments, preprocessor lines and what C++
needs; constants are evaluated here or by the C compiler. Nothing is copied by hand. Only what Python itself
provides, the functions that C calls back, is declared in this file.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import operator
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cffi import FFI

# Declared in a header for engines to define; the binding neither defines nor calls it.
NOT_OURS = frozenset({"powercut_engine"})

# A reply that knows which Python object answers, and the functions that C calls back: see powercut/native.py.
REPLY = "struct py_reply { struct pc_reply reply; void *handle; };"
CALLBACKS = """
extern "Python" {
    int py_on_entry(void *ctx, const struct skink_entry *entry);
    int py_on_visit(void *ctx, const struct pc_entry *entry);
    int py_on_fault(void *ctx, const struct pc_fault *fault);
    void py_on_now(void *ctx, struct skink_time *ret_time);
    void py_put_bytes(struct pc_reply *reply, const uint8_t *bytes, size_t size);
    void py_put_entry(struct pc_reply *reply, const char *name, size_t name_len, uint32_t kind);
}
"""

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CPLUSPLUS = re.compile(r"^#ifdef __cplusplus$.*?^#endif$", re.DOTALL | re.MULTILINE)
DEFINE = re.compile(r"^#define (\w+) (.+?)(?: */\*.*)?$", re.MULTILINE)
ENUM = re.compile(r"(enum \w+ \{)([^}]*)(\})")
PROTOTYPE = re.compile(r"^(?:const )?(?:\w+ )+\**(\w+)\([^;{}]*\);", re.MULTILINE)

OPERATORS: dict[type[ast.AST], Callable[..., int]] = {
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.USub: operator.neg,
}


def evaluate(expression: str) -> int:
    """The value of a C integer constant expression such as `1u << 3`; ValueError for anything richer."""

    def walk(node: ast.AST) -> int:
        match node:
            case ast.Expression(body=body):
                return walk(body)
            case ast.Constant(value=int() as value):
                return value
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](walk(left), walk(right))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                return OPERATORS[type(op)](walk(operand))
        raise ValueError(f"{expression!r} is no integer constant that this script understands")

    return walk(ast.parse(re.sub(r"(?<=[0-9a-fA-F])[uUlL]+\b", "", expression.strip()), mode="eval"))


def enum_values(body: str) -> str:
    """The enumerators of one enum with every expression replaced by its value."""
    names = []
    for item in filter(None, (part.strip() for part in body.split(","))):
        name, _, expression = item.partition("=")
        names.append(f"{name.strip()} = {evaluate(expression)}" if expression else name)
    return " " + ", ".join(names) + " "


def constants(text: str) -> Iterator[str]:
    """A declaration for each `#define NAME value`: the C compiler reads integers, strings are `char *`."""
    for name, value in DEFINE.findall(text):
        yield f"static char *const {name};" if value.startswith('"') else f"#define {name} ..."


def declarations(header: str) -> str:
    """What cffi's cdef() is told about one header."""
    text = CPLUSPLUS.sub("", COMMENT.sub("", header))
    text = "\n".join(line.rstrip() for line in text.splitlines())
    found = "\n".join(constants(text))
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    bounds = {name: value for name, value in DEFINE.findall(header) if value.isdigit()}
    text = re.sub(r"\[(\w+)\]", lambda m: f"[{bounds.get(m[1], m[1])}]", text)
    text = ENUM.sub(lambda m: m[1] + enum_values(m[2]) + m[3], text)
    text = PROTOTYPE.sub(lambda m: "" if m[1] in NOT_OURS else m[0], text)
    return found + re.sub(r"\n{2,}", "\n", text)


def main() -> int:
    """The command line; 0 when the file was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("headers", type=Path, nargs="+")
    options = parser.parse_args()
    ffi = FFI()
    for header in options.headers:
        ffi.cdef(declarations(header.read_text(encoding="utf-8")))
    ffi.cdef(REPLY + CALLBACKS)
    includes = "".join(f'#include "{header.name}"\n' for header in options.headers)
    ffi.set_source("powercut._native", includes + REPLY)
    options.output.unlink(
        missing_ok=True
    )  # cffi leaves an equal file as old as it is, and ninja would ask again
    with contextlib.redirect_stdout(None):
        ffi.emit_c_code(str(options.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
