# SPDX-License-Identifier: ISC
"""The compiled binding, built from csrc/include/*.h by harness/native_build.py."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

class _FFI:
    NULL: Any
    def def_extern(self, name: str = ..., error: object = ..., onerror: object = ...) -> Callable[[F], F]: ...
    def callback(self, cdecl: str, *, error: object = ...) -> Callable[[F], Any]: ...
    def __getattr__(self, name: str) -> Any: ...

ffi: _FFI
lib: Any
