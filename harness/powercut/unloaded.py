# SPDX-License-Identifier: ISC
"""What a file is that was named as an engine's library and is none, and what to do about it."""

from __future__ import annotations

from pathlib import Path

_ELF, _ARCHIVE = b"\x7fELF", b"!<arch>\n"
#: Where the type of an ELF file is, and that of an object file in either byte order.
_ELF_TYPE, _RELOCATABLE = slice(16, 18), (b"\x01\x00", b"\x00\x01")
#: How other systems' libraries begin: Mach-O for one processor in both byte orders, and for several; PE.
_OTHER = (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe", b"MZ")
#: Names of text that a compiler takes.
_SOURCES = {".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".rs", ".go", ".zig"}


def why_not(path: Path, said: str) -> str:
    """Why the file cannot be loaded, with a way out where there is one. ``said``: the loader's own words."""
    said = said.removeprefix(f"{path}: ")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return said
    if not head:
        return "it is empty"
    if head.startswith(_ARCHIVE):
        return "it is a static library; link it into a shared one with `cc -shared -Wl,--whole-archive`"
    if head.startswith(_ELF):
        object_file = head[_ELF_TYPE] in _RELOCATABLE
        return "it is an object file; link it with `cc -shared`" if object_file else said
    if head.startswith(_OTHER):
        return f"it is no library for this system ({said})"
    if path.suffix in _SOURCES:
        made = f"lib{path.stem}.so"
        way = f"`cc -O2 {path.name} $(powercut cflags) -o {made}`" if path.suffix == ".c" else "its compiler"
        return f"it is source text; make a shared library of it with {way}, and name that"
    return "it is no shared library"
