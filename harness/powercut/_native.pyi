"""The compiled binding, built from csrc/include/*.h by harness/native_build.py."""

from typing import Any

ffi: Any
lib: Any
