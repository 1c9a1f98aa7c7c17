# SPDX-License-Identifier: ISC
"""A story in sentences, for people who have not seen the engine before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from powercut.counts import how_many
from powercut.fault import Failing, Fault
from powercut.faultwords import damage_words, listed
from powercut.judge import Violation
from powercut.ops import key_text
from powercut.report.contents import Contents, KeyRow
from powercut.report.cuts import cut_words
from powercut.report.recovering import AFTER_WRITING, IN_RECOVERY, is_resumed
from powercut.report.story import Step, Story
from powercut.shrink import DEADLY
from powercut.tracewords import failing_words

#: What each kind of violation means, as a headline.
HEADLINES: Final[dict[str, str]] = {
    "answer": "An operation gives a wrong answer, even without a power cut",
    "no_space": "The engine says that the device is full, and it cannot be",
    "mount": "The engine does not mount what the power cut left",
    "read": "The store mounts, but an entry cannot be read",
    "content": "After the power cut the store holds something that it must not",
    "second_mount": "A second mount shows something else than the first",
    "write": "After the recovery nothing can be written",
    "lost_write": "A write after the recovery is lost, or takes something with it",
    "check": "The engine's own check finds a fault in its store",
    "reader": "Another engine sees something else on the same device",
    "full": "On a full device an operation does what it must not",
    "resume": "The run goes on after the recovery, and something goes wrong then",
    "overwrite": "The engine programs bytes that were not erased",
    "crash": "The engine ended its own process",
    "hang": "The engine did not come back",
}

#: The same on a damaged device, where no power was cut.
DAMAGED: Final[dict[str, str]] = {
    "mount": "The engine does not mount a damaged device, and does not say that it is damaged",
    "read": "An entry of a damaged device cannot be read, and the engine does not say why",
    "content": "On a damaged device the engine shows something wrong, and no error",
}

#: What a cut is called that is none.
MOMENTS: Final[dict[str, str]] = {"damage": "Damage", "full": "Full device"}

#: Words of the trade, for the foot of a page.
GLOSSARY: Final[tuple[tuple[str, str], ...]] = (
    ("block", "the unit in which a device is erased; it has a number"),
    ("prog", "one write of bytes into a block"),
    ("erase", "makes a whole block blank, so that it can be written again"),
    ("sync", "the device answers when all that was written before is durable"),
    ("device event", "one prog, erase or sync"),
    ("crash state", "what the device holds when the power goes at a certain moment"),
    ("the model", "a table in SQL that does the same operations and so knows what the store must hold"),
    ("allowed", "everything whose operation had returned; of the one under way all or nothing"),
    (
        "metadata pair",
        "two blocks that hold one dictionary's entries; the one with the newer revision is valid",
    ),
    ("commit", "some tags and a checksum, appended to a block; without its checksum it does not count"),
    ("tag", "one statement in a commit: an entry is new, has a name, has these bytes, is gone"),
)


def headline(story: Story) -> str:
    """The verdict in one line."""
    if story.violation is None:
        return "Held: the engine survives this trace"
    return kind_headline(story.violation.kind, story.fault)


def kind_headline(kind: str, fault: Fault | None) -> str:
    """What a kind of violation means in a crash state."""
    if fault is not None and fault.kind == "damage" and kind in DAMAGED:
        return DAMAGED[kind]
    return HEADLINES.get(kind, kind)


def moment(story: Story) -> str:
    """What the moment that it is all about is called."""
    if story.violation is not None and story.violation.fault is None:
        return "The mistake"
    return MOMENTS.get("" if story.fault is None else story.fault.kind, "Power cut")


def narrative(story: Story) -> list[tuple[str, str]]:
    """(title, sentences), in the order in which it happened."""
    if story.fault is None:
        return [("The end", story.violation.words if story.violation else "")]
    parts = [("Before", _before(story))]
    if story.trace.failing is not None:
        parts.append(("Device error", _device_error(story.trace.failing)))
    hand = next((step for step in story.steps if step.place == "at hand"), None)
    if hand is not None:
        parts.append(("At hand", _at_hand(story, hand)))
    parts += list(_cuts(story))
    if story.violation is not None and story.violation.fault is None:
        return [(title, words) for title, words in parts if words]  # the words say what was expected
    parts += story.full or [("Recovery", story.recovery)]
    if story.contents is not None:
        parts.append(("Expected", _expected(story, hand)))
        parts.append(("Found", " ".join(_found(story, story.contents))))
    return [(title, words) for title, words in parts if words]


def _before(story: Story) -> str:
    start = "The device was freshly formatted" if story.trace.image is None else "The device held an image"
    returned = sum(step.place == "done" for step in story.steps)
    if not returned:
        return f"{start}, and no operation had been done."
    numbers = "operation 0" if returned == 1 else f"operations {listed(list(range(returned)))}"
    who = "it" if returned == 1 else "they"
    return f"{start}; {numbers} had returned, so all that {who} did must survive."


def _device_error(failing: Failing) -> str:
    return (
        f"One device call fails in this run: {failing_words(failing)}. An operation that answered IO for it "
        "may be done or not; one that answered OK is done."
    )


def _at_hand(story: Story, hand: Step) -> str:
    assert story.fault is not None
    at = story.at
    made = f"{len(hand.events)} device events" if len(hand.events) != 1 else "1 device event"
    name = f"Operation {hand.index}, {hand.words},"
    if story.in_flight:
        begun = len([number for number in hand.events if number < at])
        return f"{name} was under way; uncut it makes {made}, of which {begun} had been asked for."
    return f"{name} had returned {hand.code} after {made}."


def _cuts(story: Story) -> Iterator[tuple[str, str]]:
    assert story.fault is not None
    if story.violation is not None and story.violation.fault is None:
        yield "No cut", story.violation.words
        return
    if story.fault.damage is not None:
        yield "The damage", f"The device was closed cleanly. Then: {damage_words(story.fault.damage)}."
        return
    for number, cut in enumerate(story.fault.cuts):
        if story.fault.kind == "full" and number == 0:
            if not story.full:
                yield "Full", "Then values were set until the device had no free block left."
            continue
        title = "The cut" if number == 0 else f"Cut {number + 1}, {_stage(story, number)}"
        yield title, cut_words(cut, story.events if number == 0 else None)


def _stage(story: Story, number: int) -> str:
    """In what a recovery was that was cut."""
    if story.film is None:
        return IN_RECOVERY
    return story.film.frames[story.film.cuts[number] - 1].stage or IN_RECOVERY


def _expected(story: Story, hand: Step | None) -> str:
    extra = ", and with it the fresh key" if story.violation and story.violation.kind in AFTER_WRITING else ""
    if story.full:
        return (
            "Each operation is done, or answers NO_SPACE and leaves all as it was; a removal is always done."
        )
    if is_resumed(story.violation, story.fault) and story.violation is not None:
        return _expected_of_resumed(story, story.violation)
    if story.fault is not None and len(story.fault.cuts) > 1 and not extra:
        extra += _expected_of_recovery(story)
    if hand is None:
        return f"The store as it was at the start{extra}."
    if story.in_flight:
        return f"The store without operation {hand.index}, or with all of it{extra}; nothing in between."
    return f"The store after operation {hand.index}{extra}."


def _expected_of_recovery(story: Story) -> str:
    """What a recovery adds that was cut as well."""
    more = story.trace.explore.resume
    on = (
        f", and of up to {how_many(more, 'operation')} behind that as far as they had returned"
        if more
        else ""
    )
    return f"{on}, the fresh key there or not"


def _expected_of_resumed(story: Story, violation: Violation) -> str:
    fresh = "and with it the fresh key"
    if violation.op is not None:
        code = story.steps[violation.op].code
        return f"Operation {violation.op} answers what it answered in the run, {code}, and does what it did."
    if violation.reached:
        return f"The store after operation {violation.reached - 1} of the run, {fresh}."
    return f"The store as it was at the start, {fresh}."


def _found(story: Story, contents: Contents) -> Iterator[str]:
    kind = story.violation.kind if story.violation else ""
    if contents.refused:
        yield f"The engine shows nothing: {contents.refused}."
        if kind in DEADLY:
            return
    elif contents.engine_right:
        yield "The engine shows exactly that." if not kind else _right_and_yet(story)
    else:
        wrong = [row for row in contents.rows if row.found != row.expected]
        keys = "1 key" if len(wrong) == 1 else f"{len(wrong) + contents.more} keys"
        yield f"{keys.capitalize()} differ{'s' if keys == '1 key' else ''} from the nearest of that."
        yield from (_key_words(row) for row in wrong[:3])
    if kind not in ("", "content") and story.violation is not None and story.violation.fault is not None:
        yield f"{kind_headline(kind, story.fault)}."


def _right_and_yet(story: Story) -> str:
    if story.full or is_resumed(story.violation, story.fault):
        return "What the store holds is right."
    return "The engine shows that at first."


def _key_words(row: KeyRow) -> str:
    return f'"{short_text(key_text(row.key))}" should be {row.expected}, and is {row.found}.'


def short_text(text: str, limit: int = 60) -> str:
    """A long key with its middle left out."""
    return text if len(text) <= limit else f"{text[: limit - 14]}…{text[-8:]}"
