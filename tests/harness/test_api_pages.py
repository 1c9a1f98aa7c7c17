# SPDX-License-Identifier: ISC
"""docs/c-api.md and docs/python-api.md say what the headers and the package say, and all of it."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def pages(root: Path) -> ModuleType:
    """The tool that makes them."""
    spec = importlib.util.spec_from_file_location("api_pages", root / "harness/tools/api_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_c_page_is_that_of_the_headers(pages: ModuleType, root: Path) -> None:
    page = (root / "docs/c-api.md").read_text(encoding="utf-8")
    assert page == pages.c_page(root / "csrc/include"), "run python harness/tools/api_pages.py"
    for name in pages.HEADERS:
        text = (root / "csrc/include" / name).read_text(encoding="utf-8")
        functions = set(re.findall(r"\b((?:bd|pc|skink)_\w+)\(", text))
        assert len(functions) > 10
        assert functions <= set(re.findall(r"\b((?:bd|pc|skink)_\w+)\(", page))


def test_the_python_page_is_that_of_the_docstrings(pages: ModuleType, root: Path) -> None:
    page = (root / "docs/python-api.md").read_text(encoding="utf-8")
    assert page == pages.python_page(), "run python harness/tools/api_pages.py"


def test_every_public_name_has_a_docstring_that_names_what_it_raises(pages: ModuleType) -> None:
    for name, listed in pages.PUBLIC.items():
        module = importlib.import_module(name)
        for one in pages.public_names(module, listed):
            value = getattr(module, one)
            if not (inspect.isroutine(value) or inspect.isclass(value)):
                continue
            text = inspect.getdoc(value)
            assert text, f"{name}.{one}"
            try:
                source = inspect.getsource(value)
            except (TypeError, OSError):
                continue
            if inspect.isfunction(value) and re.search(r"^ +raise \w+", source, re.MULTILINE):
                assert "Raises " in text, f"{name}.{one} raises, and its docstring does not say so"


def test_the_example_of_the_python_page_runs(root: Path) -> None:
    (example,) = re.findall(
        r"^```python\n(from .*?)^```", (root / "docs/python-api.md").read_text(encoding="utf-8"), re.M | re.S
    )
    exec(compile(example, "docs/python-api.md", "exec"), {})
