# SPDX-License-Identifier: ISC
"""Writes docs/c-api.md out of the public headers, and docs/python-api.md out of the package's docstrings.

`api_pages.py` writes both; a test makes them again and compares. Run from the project's root.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

#: What others may build on: all public names of these modules, or those that are listed.
PUBLIC: dict[str, tuple[str, ...]] = {
    "powercut.errors": (),
    "powercut.ops": ("Op", "Literal", "Generated", "clock", "segments", "key_text", "key_bytes", "op_text"),
    "powercut.geometry": (),
    "powercut.trace": (
        "Trace", "EngineRef", "EngineOptions", "Expectation", "load", "save", "loads", "dumps", "version_of",
    ),
    "powercut.fault": (),
    "powercut.devices": ("DeviceModel", "load", "parse", "named"),
    "powercut.engine": ("Engine", "EngineRefusedError", "Facts", "Event"),
    "powercut.pyengine": ("PythonEngine", "PythonStore", "Device", "Refused"),
    "powercut.run": ("run_trace", "RunOptions", "Verdict", "Death"),
    "powercut.judge": ("Violation",),
    "powercut.explorer": ("Count", "Counted"),
    "powercut.replay": ("replay", "reasoned", "Replay"),
    "powercut.shrink": ("shrink",),
    "powercut.why": ("explain", "Why", "Requirement"),
    "powercut.vocabulary": ("Profile",),
    "powercut.strategies": (),
    "powercut.machine": ("StoreMachine", "store_machine"),
    "powercut.suite.explorer": ("Explorer",),
    "powercut_models": (),
    "powercut_models.image": (),
}  # fmt: skip

HEADERS = ("powercut.h", "blockdev.h", "skink.h")

PYTHON_HEAD = """\
# The Python API

What may be built on, with its docstrings: made by `harness/tools/api_pages.py`, and the tests make it again.
Everything else in the package may change from one version to the next. Keys and values are `bytes`; sizes,
offsets and lengths are in bytes; what is raised is said, and `PowercutError` has one sentence for people.

```python
from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.run import run_trace
from powercut.trace import EngineRef, Trace

engine = Engine.load("skink")
device = Geometry(read_size=16, prog_size=16, block_size=512, block_count=64, erase_value=0xFF)
operations = (Op("set", b"motd", value=Literal(b"hello")), Op("remove", b"motd"))
verdict = run_trace(Trace(device, operations, EngineRef(engine.name, engine.version)), engine)
assert verdict.violations == ()
```
"""

C_HEAD = """\
# The C API

The public headers in `csrc/include`, in words and declarations: made by `harness/tools/api_pages.py`, and the
tests make it again. `powercut.h` is for engines to be tested ([adapters.md](adapters.md)), `skink.h`
for programs that keep a store ([embedding.md](embedding.md)), `blockdev.h` for both. Functions return 0 or a
negative code; what begins with `ret_` is set on success alone. Lengths, offsets and sizes are in bytes where
nothing else is said.
"""


def public_names(module: ModuleType, listed: tuple[str, ...]) -> list[str]:
    """Those that are listed, else those that the module says, else those that it defines, in their order."""
    if listed:
        return list(listed)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = vars(module).items()
    return [
        name
        for name, value in own
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


# --- Python ----------------------------------------------------------------------------------------------


def python_page() -> str:
    """docs/python-api.md."""
    parts = [PYTHON_HEAD]
    for name, listed in PUBLIC.items():
        module = importlib.import_module(name)
        parts.append(f"\n## {name}\n\n{_doc(module, name)}\n")
        parts += [_entry(getattr(module, one), one, module) for one in public_names(module, listed)]
    return "".join(parts)


def _entry(value: object, name: str, module: ModuleType) -> str:
    where = f"{module.__name__}.{name}"
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, Exception) else "class"
        text = f"\n### {kind} `{name}`\n\n{_signature(name, value)}{_doc(value, where)}\n"
        members = "".join(_members(value, where))
        return text + (f"\n{members}" if members else "")
    if inspect.isroutine(value):
        return f"\n### `{name}`\n\n{_signature(name, value)}{_doc(value, where)}\n"
    return f"\n### `{name}`\n\n{_value(value)}\n"


def _value(value: object) -> str:
    text = repr(value)
    return f"`{text}`" if len(text) < 90 else f"A {type(value).__name__}."


def _members(value: type, where: str) -> Iterator[str]:
    for name, member in vars(value).items():
        if name.startswith("_"):
            continue
        plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if isinstance(plain, property):
            yield f"- `{name}`: {_one_line(plain, f'{where}.{name}')}\n"
        elif inspect.isfunction(plain):
            signature = _arguments(plain)
            yield f"- `{name}{signature}`: {_one_line(plain, f'{where}.{name}')}\n"


def _signature(name: str, value: object) -> str:
    try:
        return f"```python\n{name}{_arguments(value)}\n```\n\n"
    except (TypeError, ValueError):
        return ""


class _Raw:
    """Text that a signature shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _arguments(value: object) -> str:
    signature = inspect.signature(value)  # type: ignore[arg-type]
    kept = [_shown(one) for one in signature.parameters.values() if one.name not in ("self", "cls")]
    return str(signature.replace(parameters=kept, return_annotation=_annotation(signature.return_annotation)))


def _shown(one: inspect.Parameter) -> inspect.Parameter:
    """A parameter without quotes around its type; a default that is long or has an address is left out."""
    default = one.default
    if default is not one.empty and (len(repr(default)) > 30 or "0x" in repr(default)):
        default = _Raw("...")
    return one.replace(default=default, annotation=_annotation(one.annotation))


def _annotation(annotation: object) -> object:
    return _Raw(annotation) if isinstance(annotation, str) else annotation


def _doc(value: object, where: str) -> str:
    """The docstring. Raises ValueError where there is none of its own."""
    text = inspect.cleandoc(getattr(value, "__doc__", None) or "")
    if not text:
        raise ValueError(f"{where} has no docstring")
    return _ticks(text)


def _one_line(value: object, where: str) -> str:
    return " ".join(_doc(value, where).split())


def _ticks(text: str) -> str:
    return text.replace("``", "`").replace("<", "&lt;")


# --- C ---------------------------------------------------------------------------------------------------


def c_page(folder: Path) -> str:
    """docs/c-api.md."""
    parts = [C_HEAD]
    for name in HEADERS:
        parts.append(f"\n## {name}\n")
        parts += _header((folder / name).read_text(encoding="utf-8"))
    return "".join(parts)


def _header(text: str) -> Iterator[str]:
    """Each piece of a header that blank lines set off: its comment as words, its declarations as they are."""
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.DOTALL)
    for piece in re.split(r"\n(?=\n)", text):
        lines = [line for line in piece.strip("\n").split("\n") if not _guards(line)]
        comment, code = _split("\n".join(lines).strip("\n"))
        section = re.fullmatch(r"[-=\s]*([A-Za-z].*?)[-=\s]*", comment, re.DOTALL)
        if not code and section and re.search(r"-{3}|={3}", comment):
            yield f"\n### {' '.join(section[1].split())}\n"
            continue
        if comment:
            yield f"\n{comment}\n"
        if code:
            yield f"\n```c\n{code}\n```\n"


def _guards(line: str) -> bool:
    return bool(re.match(r"#(ifndef|endif|include)|#define \w+_H$", line))


def _split(piece: str) -> tuple[str, str]:
    """(the words of the comment that a piece begins with, what follows)."""
    match = re.match(r"/\*(.*?)\*/[ \t]*(?:\n|$)", piece, re.DOTALL)
    if match is None:
        return "", piece
    lines = [re.sub(r"^ ?\* ?", "", line.strip(" ")) for line in match[1].strip("\n").split("\n")]
    words = "\n".join(lines).strip().removeprefix("SPDX-License-Identifier: ISC").strip("\n")
    words = re.sub(r"(?m)^( {4}.*)$", r"\1", words)
    return words.replace("<", "&lt;"), piece[match.end() :].strip("\n")


def main() -> int:
    """Writes both pages."""
    root = Path(__file__).resolve().parents[2]
    (root / "docs/python-api.md").write_text(python_page(), encoding="utf-8")
    (root / "docs/c-api.md").write_text(c_page(root / "csrc/include"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
