# SPDX-License-Identifier: ISC
"""The trace: geometry, operations, fault and expected verdict in one replayable file.

traces/README.md is the format's reference. Two traces that are equal are saved as the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from powercut import atomic, wire, wire1
from powercut.errors import PowercutError
from powercut.fault import VIOLATIONS, Failing, Fault
from powercut.faultfile import (
    PREFIXES,
    Explore,
    Model,
    demand_inside,
    explore_fields,
    explore_of,
    failing_fields,
    failing_of,
    fault_fields,
    fault_of,
    model_fields,
    model_name,
    models_of,
)
from powercut.geometry import DEVICE_MAX, Geometry
from powercut.jsonfields import demand_distinct
from powercut.ops import Generated, Literal, Op, Value, key_bytes, key_text, printable

#: What the name of a trace file ends in.
SUFFIX = ".trace.json"

_HEX_MAX = 256
_FILE_MAX = 1 << 28


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the engine is told at format and mount; 0 is its default for each."""

    name_max: int = 0
    disk_minor: int = 0
    value_checks: int = 0


DEFAULTS = EngineOptions()


@dataclass(frozen=True, slots=True)
class EngineRef:
    """Which engine, and which version of it, a trace is about."""

    name: str
    version: str = ""
    options: EngineOptions = DEFAULTS


@dataclass(frozen=True, slots=True)
class Expectation:
    """``held``, or a violation.

    ``kind`` of violation; ``code``: what the engine answered, where it was that; ``claimed``: whether the
    engine claims to survive the crash state; ``state``: its device events before the first cut (None: no cut
    needed); in ``words``; ``why``: which events should have been in order or whole, where that was found out;
    ``needs``: all that was needed there and not given, a sentence each. ``state_seconds``, ``state_memory``
    (MiB): what one crash state might take where it was found; 0: as usual.
    """

    verdict: str = "held"
    kind: str = ""
    state: int | None = None
    words: str = ""
    code: str = ""
    claimed: bool = True
    why: str = ""
    needs: tuple[str, ...] = ()
    state_seconds: float = 0.0
    state_memory: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """One replayable run.

    ``image`` is the device's first content, block after block; None: freshly formatted. ``fault`` is the
    crash state; None: all those that ``explore`` asks for. ``failing``: a device call that fails while the
    run is recorded. ``models``: the device models whose states are looked at; the fault's is among them.
    """

    geometry: Geometry
    operations: tuple[Op, ...]
    engine: EngineRef
    image: bytes | None = None
    fault: Fault | None = None
    expect: Expectation = Expectation()
    note: str = ""
    failing: Failing | None = None
    models: tuple[Model, ...] = ()
    explore: Explore = PREFIXES


# --- writing ---------------------------------------------------------------------------------------------


def dumps(trace: Trace) -> str:
    """The trace as the text of a trace file, one operation to a line."""
    geometry = trace.geometry
    options = trace.engine.options
    fields: dict[str, Any] = {
        "format": wire.FORMAT,
        "version": wire.VERSION,
        "note": trace.note,
        "engine": {
            "name": trace.engine.name,
            "version": trace.engine.version,
            "options": {
                "name_max": options.name_max,
                "disk_minor": options.disk_minor,
                "value_checks": options.value_checks,
            },
        },
        "geometry": {
            "read_size": geometry.read_size,
            "prog_size": geometry.prog_size,
            "block_size": geometry.block_size,
            "block_count": geometry.block_count,
            "erase_value": geometry.erase_value,
        },
        "image": None if trace.image is None else _image_fields(trace.image),
        "failing": None if trace.failing is None else failing_fields(trace.failing),
        "models": [model_fields(model) for model in trace.models],
        "explore": explore_fields(trace.explore),
        "fault": None if trace.fault is None else fault_fields(trace.fault),
        "expect": _expect_fields(trace.expect),
    }
    lines = [f' "{name}": {_json(value)},' for name, value in fields.items()]
    operations = ",\n".join(f"  {_json(_op_fields(op))}" for op in trace.operations)
    lines.append(f' "operations": [\n{operations}\n ]' if operations else ' "operations": []')
    return "{\n" + "\n".join(lines) + "\n}\n"


def save(trace: Trace, path: Path) -> None:
    """Writes the trace to ``path``: the whole file appears at once, or none of it. Raises PowercutError."""
    try:
        atomic.write_all(path.parent, {path.name: dumps(trace).encode()})
    except OSError as error:
        raise PowercutError(f"Cannot save the trace {path}: {_reason(error)}.") from error


def save_found(trace: Trace, folder: Path) -> Path:
    """Saves the trace in the folder under its ``file_name``, and returns where. A file that is there already
    stays as it is where only its note differs: the same failure, found before. Raises PowercutError."""
    path = folder / file_name(trace)
    if not (path.is_file() and _differs_in_note_alone(path, trace)):
        save(trace, path)
    return path


def _differs_in_note_alone(path: Path, trace: Trace) -> bool:
    try:
        return replace(load(path), note=trace.note) == trace
    except PowercutError:
        return False


def file_name(trace: Trace) -> str:
    """A name for the trace's file, made of its engine, its verdict and the hash of its content. Where it
    comes from is not in it: the same failure has the same name, whichever seed found it."""
    digest = hashlib.sha256(dumps(replace(trace, note="")).encode()).hexdigest()[:8]
    engine = "".join(char if char.isalnum() else "-" for char in trace.engine.name)
    return f"{engine}-{trace.expect.kind or trace.expect.verdict}-{digest}{SUFFIX}".replace("_", "-")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _expect_fields(expect: Expectation) -> dict[str, Any]:
    fields: dict[str, Any] = {"verdict": expect.verdict}
    if expect.kind:
        fields |= {"kind": expect.kind, "claimed": expect.claimed}
    if expect.code:
        fields["code"] = expect.code
    if expect.state is not None:
        fields["state"] = expect.state
    for name, text in (("words", expect.words), ("why", expect.why)):
        if text:
            fields[name] = text
    if expect.needs:
        fields["needs"] = list(expect.needs)
    if expect.state_seconds:
        fields["state_seconds"] = expect.state_seconds
    if expect.state_memory:
        fields["state_memory"] = expect.state_memory
    return fields


def _image_fields(image: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(image).hexdigest(), "zlib": _packed(image)}


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def _value_fields(value: Value) -> Any:
    if isinstance(value, Generated):
        return {"seed": value.seed, "length": value.length}
    text = printable(value.data)
    if text is not None:
        return text
    return {"hex": value.data.hex()} if value.length <= _HEX_MAX else {"zlib": _packed(value.data)}


def _op_fields(op: Op) -> dict[str, Any]:
    if op.kind == "sync":
        return {"op": op.kind}
    fields: dict[str, Any] = {"op": op.kind, "key": key_text(op.key)}
    if op.kind == "rename":
        fields["target"] = key_text(op.target)
    if op.kind in ("get_partial", "set_partial"):
        fields["off"] = op.off
    if op.kind in ("get_partial", "allocate"):
        fields["length"] = op.length
    if op.value is not None:
        fields["value"] = _value_fields(op.value)
    return fields


# --- reading ---------------------------------------------------------------------------------------------


def load(path: Path) -> Trace:
    """The trace in the file ``path``. Raises PowercutError: no such file, no JSON, another or a newer format,
    a field that cannot be."""
    return loads(read(path), str(path), path.parent)


def read(path: Path) -> bytes:
    """The text of the file ``path``, which may be a pipe. Raises PowercutError."""
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_MAX + 1)
    except OSError as error:
        raise PowercutError(f"Cannot read the trace {path}: {_reason(error)}.") from error
    if len(text) > _FILE_MAX:
        raise PowercutError(f"The trace {path} is larger than {_FILE_MAX} bytes; no trace is that large.")
    return text


def version_of(text: bytes) -> int:
    """The version of the format that a text, which ``loads`` takes, is of."""
    return msgspec.json.decode(text, type=wire.Header).version


def loads(text: bytes, name: str, folder: Path) -> Trace:
    """The trace in ``text``; ``name`` is what messages call it, ``folder`` where its image file lies.

    Raises PowercutError.
    """
    try:
        return _trace(_decoded(text), folder)
    except msgspec.ValidationError as error:
        raise PowercutError(f"The trace {name} is wrong: {error}; see traces/README.md.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PowercutError(f"The trace {name} is no JSON ({error}); it is damaged or cut short.") from error
    except ValueError as error:
        raise PowercutError(f"The trace {name} is wrong: {error}; see traces/README.md.") from error


def _decoded(text: bytes) -> wire.TraceField:
    """The file's fields as today's format has them, whatever its version."""
    header = msgspec.json.decode(text, type=wire.Header)
    if header.format != wire.FORMAT:
        raise ValueError(f"its format is {header.format!r}, not {wire.FORMAT!r}")
    if header.version > wire.VERSION:
        raise ValueError(
            f"it is of format version {header.version} and this powercut reads up to {wire.VERSION}: "
            "a newer powercut is needed"
        )
    if header.version == 1:
        found = wire1.upgraded(msgspec.json.decode(text, type=wire1.TraceField1))
    else:
        found = msgspec.json.decode(text, type=wire.TraceField)
    demand_distinct(text)
    return found


def _trace(field: wire.TraceField, folder: Path) -> Trace:
    geometry = Geometry(**msgspec.structs.asdict(field.geometry))
    problem = geometry.problem()
    if problem is not None:
        raise ValueError(f"its geometry cannot be: {problem}")
    options = EngineOptions(**msgspec.structs.asdict(field.engine.options))
    models = models_of(field.models)
    fault = None if field.fault is None else fault_of(field.fault)
    if fault is not None and fault.model and fault.model not in map(model_name, models):
        raise ValueError(f"the fault's model {fault.model!r} is not among its models - at `$.fault.model`")
    if fault is not None and fault.damage is not None:
        demand_inside(fault.damage, geometry)
    return Trace(
        geometry=geometry,
        operations=tuple(_numbered(field.operations)),
        engine=EngineRef(field.engine.name, field.engine.version, options),
        image=None if field.image is None else _image(field.image, geometry, folder),
        fault=fault,
        expect=_expectation(field.expect),
        note=field.note,
        failing=None if field.failing is None else failing_of(field.failing),
        models=models,
        explore=explore_of(field.explore),
    )


def _expectation(field: wire.ExpectField) -> Expectation:
    kind = field.kind or ""
    if (field.verdict == "violation") != bool(kind):
        raise ValueError("a violation has a kind, and a verdict of held has none - `$.expect`")
    if kind and kind not in VIOLATIONS:
        raise ValueError(f"there is no kind of violation {kind!r} - at `$.expect.kind`")
    state = None if field.state is UNSET else field.state
    claimed = field.claimed is not False
    return Expectation(
        field.verdict,
        kind,
        state,
        field.words or "",
        field.code or "",
        claimed,
        field.why or "",
        tuple(field.needs or ()),
        field.state_seconds or 0.0,
        field.state_memory or 0,
    )


def _numbered(fields: list[wire.Operation]) -> list[Op]:
    """The operations; an error names the one it is in."""
    operations = []
    total = 0
    for index, field in enumerate(fields):
        try:
            op = _op(field)
        except ValueError as error:
            raise ValueError(f"{error} - at `$.operations[{index}]`") from error
        total += op.length if op.kind == "allocate" else 0 if op.value is None else op.value.length
        if total > wire.VALUES_MAX:
            raise ValueError(f"its values are more than {wire.VALUES_MAX} bytes together")
        operations.append(op)
    return operations


def _op(field: wire.Operation) -> Op:
    kind = field.__struct_config__.tag
    return Op(
        kind=str(kind),
        key=b"" if isinstance(field, wire.Sync) else key_bytes(field.key),
        target=key_bytes(field.target) if isinstance(field, wire.Rename) else b"",
        off=field.off if isinstance(field, wire.GetPartial | wire.SetPartial) else 0,
        length=field.length if isinstance(field, wire.GetPartial | wire.Allocate) else 0,
        value=_value(field.value) if isinstance(field, wire.Set | wire.SetPartial) else None,
    )


def _value(field: wire.Value) -> Value:
    if isinstance(field, str):
        return Literal(field.encode())
    given = frozenset(name for name in ("hex", "zlib", "seed", "length") if getattr(field, name) is not UNSET)
    makers: dict[frozenset[str], Callable[[Any], Value]] = {
        frozenset({"hex"}): lambda value: Literal(bytes.fromhex(value.hex)),
        frozenset({"zlib"}): lambda value: Literal(_unpacked(value.zlib, wire.VALUE_MAX)),
        frozenset({"seed", "length"}): lambda value: Generated(value.seed, value.length),
    }
    if given not in makers:
        raise ValueError("a value has either hex, or zlib, or seed and length")
    return makers[given](field)


def _unpacked(text: str, limit: int) -> bytes:
    """The bytes behind base64 and zlib; never more than ``limit``."""
    try:
        machine = zlib.decompressobj()
        data = machine.decompress(base64.b64decode(text, validate=True), limit + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"zlib data that cannot be unpacked ({error})") from error
    if len(data) > limit or not machine.eof:
        raise ValueError(f"zlib data that is cut short or longer than {limit} bytes")
    return data


def _image(field: wire.ImageField, geometry: Geometry, folder: Path) -> bytes:
    if (field.file is UNSET) == (field.zlib is UNSET):
        raise ValueError("an image has either file or zlib - `$.image`")
    if isinstance(field.zlib, str):
        image = _unpacked(field.zlib, DEVICE_MAX)
    else:
        image = _image_file(folder / _beside(str(field.file)), geometry.size)
    if len(image) != geometry.size:
        raise ValueError(f"its image has {len(image)} bytes and its geometry {geometry.size}")
    if hashlib.sha256(image).hexdigest() != field.sha256:
        raise ValueError("its image is not the one it was made with: the SHA-256 differs")
    return image


def _beside(name: str) -> str:
    """The name of a file that lies beside a trace, or below that. Raises ValueError."""
    parts = name.split("/")
    if "\0" in name or not {"", ".", ".."}.isdisjoint(parts):
        raise ValueError(f"its image {name!r} is not the name of a file beside it - at `$.image.file`")
    return name


def _image_file(path: Path, size: int) -> bytes:
    try:
        if path.stat().st_size != size:
            raise ValueError(f"its image {path} has {path.stat().st_size} bytes and its geometry {size}")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"its image {path} cannot be read: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return atomic.reason(error).lower()
