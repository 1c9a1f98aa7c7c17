# SPDX-License-Identifier: ISC
"""The explorer's C side as Python sees it: what to explore, what is allowed, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from powercut.counts import Count, Counted, Counts
from powercut.devices import RULES, DeviceModel
from powercut.errors import PowercutError
from powercut.fault import CUTS_MAX, DAMAGES, KINDS, TEARS, WINDOW, Cut, Damage, Fault, Tear
from powercut.hashes import Hash
from powercut.native import ffi, lib
from powercut.ops import CODES

#: The probes of ``enum pc_probe``.
SECOND_MOUNT, WRITE, CHECK = 1, 2, 4
ALL_PROBES = SECOND_MOUNT | WRITE | CHECK

PREFIX = frozenset({"prefix"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the model allows. ``stores[i]``: hashes of the stores that are right after ``i`` operations.
    ``entries``: hashes of all entries that the store ever held, ascending; for damage. ``now[i]``: the store
    after ``i`` operations that nothing cut, as far as a run may go on after a recovery."""

    stores: Sequence[tuple[Hash, ...]]
    entries: Sequence[Hash] = ()
    now: Sequence[Hash] = ()


@dataclass(frozen=True, slots=True)
class ExploreOptions:
    """What to explore, and how; see ``struct pc_explore_options``.

    ``kinds``: of ``fault.KINDS``. ``models``: the devices, in the order in which states are attributed to
    them. ``depth``: cuts in a row, for nested. ``first``, ``last``: of the cuts, in device events; None: all.
    ``only``: these states alone. ``skip``: states that are not judged. ``end_at``: one of them: what comes
    behind it is counted, not judged. ``reader``: an engine's name that reads each state as well.
    """

    kinds: frozenset[str] = PREFIX
    models: tuple[DeviceModel, ...] = ()
    depth: int = 2
    nested_kinds: frozenset[str] = PREFIX
    samples: int = 8
    seed: int = 0
    jobs: int = 1
    probes: int = ALL_PROBES
    first: int = 0
    last: int | None = None
    max_violations: int = 0
    keep_identical: bool = False
    keep_unread: bool = False
    damage_exact: bool = False
    only: tuple[Fault, ...] = ()
    skip: tuple[Fault, ...] = ()
    end_at: Fault | None = None
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A crash state that the explorer refused: kind of violation, the state, the engine's code. ``op``: the
    operation that answered otherwise when the run had gone on; ``reached``: how many operations of the run
    the store should show then."""

    kind: str
    fault: Fault
    code: str
    op: int | None = None
    reached: int | None = None

    @property
    def state(self) -> int:
        """The device events before the first cut."""
        return self.fault.state


@dataclass(frozen=True, slots=True)
class Exploration(Counted):
    """What an exploration counted and found. ``ended``: it came to the state that it was to end at."""

    counts: Counts = field(default_factory=dict)
    found: tuple[Found, ...] = ()
    ended: bool = False


class Watch:
    """A stop flag and a progress counter that C reads and writes, in bytes that may be shared memory, and for
    each thread the state that it is about."""

    SIZE: int = ffi.sizeof("struct pc_watch")

    def __init__(self, memory: Any = None) -> None:
        self._memory = bytearray(self.SIZE) if memory is None else memory
        self._keep = ffi.from_buffer("char[]", self._memory, require_writable=True)
        self.pointer = ffi.cast("struct pc_watch *", self._keep)

    @property
    def stopped(self) -> bool:
        """Whether the exploration is to end."""
        return bool(self.pointer.stop)

    def stop(self) -> None:
        """Ends the exploration soon."""
        self.pointer.stop = 1

    @property
    def count(self) -> int:
        """Crash states dealt with so far."""
        return int(self.pointer.progress)

    def beat(self) -> None:
        """Gives a sign of life between two crash states."""
        self.pointer.beats += 1

    @property
    def life(self) -> tuple[int, ...]:
        """Changes as long as something goes on."""
        return int(self.pointer.progress), int(self.pointer.beats), sum(self._serials())

    def _serials(self) -> list[int]:
        return [int(self.pointer.jobs[job].serial) for job in range(lib.PC_WATCH_JOBS)]

    def at_hand(self, models: Sequence[DeviceModel]) -> list[Fault]:
        """The states that were being judged, one for each thread that was."""
        busy = [job for job, serial in enumerate(self._serials()) if serial % 2]
        return [fault_py(self.pointer.jobs[job].fault, models) for job in busy]


# --- faults ----------------------------------------------------------------------------------------------


def fault_c(fault: Fault, models: Mapping[str, int]) -> Any:
    """``struct pc_fault[1]``; ``models``: numbers by name. Raises PowercutError: it cannot be said in C."""
    made = ffi.new("struct pc_fault[1]")
    one = made[0]
    if not 1 <= len(fault.cuts) <= CUTS_MAX:
        raise PowercutError(f"A crash state has 1 to {CUTS_MAX} cuts, and this one {len(fault.cuts)}.")
    one.kind = KINDS.index(fault.kind) + 1
    one.model = models.get(fault.model, 0)
    one.depth = len(fault.cuts)
    for index, cut in enumerate(fault.cuts):
        _put_cut(one.cuts[index], cut)
    if fault.damage is not None:
        damage = fault.damage
        one.damage.kind = DAMAGES.index(damage.kind) + 1
        one.damage.block, one.damage.off, one.damage.size = damage.block, damage.off, damage.size
        one.damage.value, one.damage.event = damage.value, damage.event
    return made


def _put_cut(made: Any, cut: Cut) -> None:
    made.at = cut.at
    for event in cut.lost:
        if not 1 <= cut.at - event <= WINDOW:
            raise PowercutError(
                f"Event {event} cannot be lost in a cut after {cut.at} events: only the last {WINDOW} can."
            )
        made.lost |= 1 << (cut.at - event - 1)
    if cut.tear is not None:
        made.torn, made.back = TEARS.index(cut.tear.kind) + 1, cut.tear.back
        made.unit, made.a, made.b = cut.tear.unit, cut.tear.a, cut.tear.b


def fault_py(fault: Any, models: Sequence[DeviceModel]) -> Fault:
    """A ``struct pc_fault`` as Python has it."""
    kind = KINDS[fault.kind - 1] if 1 <= fault.kind <= len(KINDS) else "prefix"
    cuts = tuple(_cut(fault.cuts[index]) for index in range(max(int(fault.depth), 1)))
    model = ""
    if kind in ("torn", "reorder", "nested", "full") and models and any(cut.lost or cut.tear for cut in cuts):
        model = models[fault.model].name
    if kind != "damage":
        return Fault(kind, cuts, None, model)
    given = fault.damage
    damage = Damage(
        DAMAGES[given.kind - 1],
        int(given.block),
        int(given.off),
        int(given.size),
        int(given.value),
        int(given.event),
    )
    return Fault(kind, cuts, damage)


def _cut(cut: Any) -> Cut:
    at, lost = int(cut.at), int(cut.lost)
    events = tuple(at - 1 - bit for bit in range(WINDOW - 1, -1, -1) if lost >> bit & 1)
    if cut.torn == 0:
        return Cut(at, events)
    return Cut(at, events, Tear(TEARS[cut.torn - 1], int(cut.unit), int(cut.a), int(cut.b), int(cut.back)))


class NoSuchStateError(PowercutError):
    """A run does not have the crash state that was asked for."""


def demand_fault(code: int, fault: Fault) -> None:
    """Raises NoSuchStateError where C did not find the state, PowercutError where it cannot be built."""
    if code == lib.PC_INVALID_ARGUMENT:
        raise NoSuchStateError(
            f"This run has no such crash state ({fault.kind} at device event {fault.state}): "
            "the engine writes otherwise than it did when the state was named."
        )
    if code != 0:
        raise PowercutError(f"A crash state cannot be built: {CODES.get(code, code)}; use a smaller device.")


# --- exploring -------------------------------------------------------------------------------------------


class Prepared:
    """An exploration of a recorded run (cdata), ready in C: it can be made again and again, and costs no more
    Python than one call each time. To be closed."""

    def __init__(
        self, run: Any, allowed: Allowed, options: ExploreOptions, watch: Watch | None, reader: Any = None
    ) -> None:
        self._run, self._options = run, options
        self._keep: list[Any] = []
        self._given = _options(options, self._keep)
        if watch is not None:
            self._given.watch = watch.pointer
        if reader is not None:
            self._given.reader = reader.pointer
            self._keep.append(reader)
        self._allowed = _allowed(allowed, self._keep)
        self._report = ffi.new("struct pc_explore_report *")

    def explore(self) -> None:
        """Explores, in C alone. Raises PowercutError."""
        self.close()
        code = lib.pc_explore(self._run, self._allowed, self._given, self._report)
        if code == lib.PC_INVALID_ARGUMENT and self._options.only:
            demand_fault(code, self._options.only[0])
        if code != 0:
            raise PowercutError(f"The exploration failed with {CODES.get(code, code)}; use a smaller device.")

    def result(self) -> Exploration:
        """What the last exploration counted and found."""
        return _exploration(self._report, self._options.models)

    def close(self) -> None:
        """Frees what the last exploration found."""
        lib.pc_explore_report_release(self._report)


def explore(
    run: Any, allowed: Allowed, options: ExploreOptions, watch: Watch | None, reader: Any = None
) -> Exploration:
    """Explores a recorded run (cdata). ``reader``: an Engine. Raises PowercutError."""
    prepared = Prepared(run, allowed, options, watch, reader)
    try:
        prepared.explore()
        return prepared.result()
    finally:
        prepared.close()


def list_faults(run: Any, options: ExploreOptions) -> list[Fault]:
    """The states that ``explore`` would generate, nested ones left out. Raises PowercutError."""
    keep: list[Any] = []
    found: list[Fault] = []

    def take(fault: Any) -> int:
        found.append(fault_py(fault, options.models))
        return 0

    handle = ffi.new_handle(take)
    code = lib.pc_explore_list(run, _options(options, keep), lib.py_on_fault, handle)
    if code != 0:
        raise PowercutError(f"The crash states cannot be listed: {CODES.get(code, code)}.")
    return found


def _kind_bits(kinds: frozenset[str]) -> int:
    return sum(1 << (KINDS.index(kind) + 1) for kind in kinds)


def _rule_bits(rules: frozenset[str]) -> int:
    return sum(1 << RULES.index(rule) for rule in rules)


def _options(options: ExploreOptions, keep: list[Any]) -> Any:
    given = ffi.new("struct pc_explore_options *")
    keep.append(given)
    numbers = {model.name: index for index, model in enumerate(options.models)}
    given.jobs, given.probes = options.jobs, options.probes
    given.kinds, given.nested_kinds = _kind_bits(options.kinds), _kind_bits(options.nested_kinds)
    given.depth, given.samples, given.seed = options.depth, options.samples, options.seed
    given.first, given.last = options.first, 2**64 - 1 if options.last is None else options.last
    given.max_violations = options.max_violations
    given.keep = options.keep_identical * lib.PC_KEEP_IDENTICAL + options.keep_unread * lib.PC_KEEP_UNREAD
    given.damage_exact = options.damage_exact
    given.models, given.model_count = _models(options.models, keep), len(options.models)
    if options.only:
        given.only, given.only_count = _faults(options.only, numbers, keep), len(options.only)
    skip = [fault for fault in options.skip if not fault.model or fault.model in numbers]
    if skip:
        given.skip, given.skip_count = _faults(skip, numbers, keep), len(skip)
    if options.end_at in skip:
        given.end_at = given.skip + skip.index(options.end_at)
    return given


def _models(models: Sequence[DeviceModel], keep: list[Any]) -> Any:
    if not models:
        return ffi.NULL
    array = ffi.new("struct pc_model[]", len(models))
    keep.append(array)
    for index, model in enumerate(models):
        one = array[index]
        one.prog_unit, one.erase_unit = model.prog_unit, model.erase_unit
        one.prog_tears, one.erase_tears = _rule_bits(model.prog_tears), _rule_bits(model.erase_tears)
        one.reorders, one.overwrites = model.reorders, model.overwrites
    return array


def _faults(faults: Sequence[Fault], numbers: Mapping[str, int], keep: list[Any]) -> Any:
    array = ffi.new("struct pc_fault[]", len(faults))
    keep.append(array)
    for index, fault in enumerate(faults):
        made = fault_c(fault, numbers)  # which must live until it is copied
        array[index] = made[0]
    return array


def _allowed(allowed: Allowed, keep: list[Any]) -> Any:
    flat = [one for stores in allowed.stores for one in stores]
    stores = ffi.new("struct pc_hash[]", flat)
    first = ffi.new("size_t[]", len(allowed.stores) + 1)
    at = 0
    for index, some in enumerate(allowed.stores):
        first[index] = at
        at += len(some)
    first[len(allowed.stores)] = at
    entries = ffi.new("struct pc_hash[]", list(allowed.entries))
    given = ffi.new("struct pc_allowed *")
    given.stores, given.first, given.op_count = stores, first, len(allowed.stores) - 1
    given.entries, given.entry_count = entries, len(allowed.entries)
    now = ffi.new("struct pc_hash[]", list(allowed.now))
    given.now, given.now_count = now, len(allowed.now)
    keep += [stores, first, entries, now, given]
    return given


def _exploration(report: Any, models: Sequence[DeviceModel]) -> Exploration:
    counts: Counts = {}
    for index in range(report.model_count + 1):
        for number, kind in enumerate(KINDS, 1):
            count = report.counts[index * lib.PC_FAULT_KINDS + number]
            if count.total or count.beyond:
                free = kind in ("prefix", "damage", "full") or index >= len(models)
                name = "" if free else models[index].name
                made = Count(**{one: int(getattr(count, one)) for one in Count.__dataclass_fields__})
                counts[name, kind] = counts.get((name, kind), Count()) + made
    found = [report.violations[index] for index in range(report.violation_count)]
    return Exploration(counts, tuple(_found(one, models) for one in found), bool(report.ended))


def _found(violation: Any, models: Sequence[DeviceModel]) -> Found:
    kind = ffi.string(lib.pc_violation_name(violation.kind)).decode()
    code = CODES.get(violation.code, str(violation.code))
    op = None if violation.op == lib.PC_NO_OP else int(violation.op)
    return Found(
        kind,
        fault_py(violation.fault, models),
        code,
        op,
        int(violation.reached) if kind == "resume" else None,
    )
