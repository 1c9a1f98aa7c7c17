# SPDX-License-Identifier: ISC
"""What a long command looks at before it begins, so that it is not told of it hours later."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from powercut import atomic
from powercut.errors import PowercutError


def demand_folder(folder: Path, option: str = "") -> None:
    """The folder is there and can be written, or can be made. Raises PowercutError."""
    above = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    try:
        _demand_writable(above)
    except OSError as error:
        where = "" if above == folder else f"{above}: "
        way = f" with {option}" if option else ""
        raise PowercutError(
            f"Cannot write into {folder}: {where}{atomic.reason(error)}; name another folder{way}."
        ) from error


def demand_page(path: Path) -> None:
    """A page can be written there. Raises PowercutError."""
    try:
        atomic.demand_file(path)
        _demand_writable(path.parent)
    except OSError as error:
        raise PowercutError(f"Cannot write {path}: {atomic.reason(error)}; name another file.") from error


def _demand_writable(folder: Path) -> None:
    if not folder.is_dir():
        code = errno.ENOTDIR if os.path.lexists(folder) else errno.ENOENT
        raise OSError(code, os.strerror(code), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def demand_partners(needs: Mapping[str, str]) -> None:
    """No option is given in vain: each of these needs the other. Raises PowercutError."""
    for option, other in needs.items():
        if _given(option) and not _given(other):
            raise PowercutError(
                f"{_shown(option)} says more of {_shown(other)}, which is not given; give both, or neither."
            )


def demand_one(pairs: Mapping[str, tuple[str, ...]]) -> None:
    """None of these options is given beside one that leaves it without meaning. Raises PowercutError."""
    for option, others in pairs.items():
        for other in others:
            if _given(option) and _given(other):
                raise PowercutError(f"Both {_shown(option)} and {_shown(other)} are given; give one of them.")


def given_in_vain(*options: str) -> str:
    """The first of these options that was given, as it is typed; empty: none."""
    return next((_shown(option) for option in options if _given(option)), "")


def _given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source not in (None, ParameterSource.DEFAULT)


def _shown(option: str) -> str:
    return f"--{option.replace('_', '-')}"
