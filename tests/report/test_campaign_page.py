# SPDX-License-Identifier: ISC
"""powercut run --html: the counts of the run, the findings by cause, the clock in one place alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver

from powercut.campaign import Failure, Tally
from powercut.cli import main
from powercut.cli.report import states_json
from powercut.counts import Count
from powercut.engine import Engine
from powercut.fault import Cut, Damage, Fault
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.ops import Literal, Op
from powercut.report.campaign import campaign_page, covered
from powercut.report.findings import group
from powercut.report.history import MOMENTS_MAX, History
from powercut.save import Saved
from powercut.trace import EngineRef, Expectation, Trace

from .conftest import Mutant
from .test_explain_page import CONTRASTS, OVERLAPS, SPILLS, WIDER_THAN_ITS_PAGE, Page

RENAME = Op("rename", b"a", b"b")
SET = Op("set", b"a", value=Literal(b"x"))
TRACE = Trace(Geometry(), (SET, RENAME), EngineRef("skink"))


def failure(index: int, kind: str, op: int, code: str = "OK", *differences: str) -> Failure:
    return Failure(index, TRACE, (Violation(kind, 3 + index, op, code, f"words {index}", differences),))


def counted(states: int, seconds: float, failures: Sequence[Failure] = ()) -> Tally:
    counts = {("", "prefix"): Count(total=states, checked=states)}
    return Tally(counts=counts, seconds=seconds, failures=list(failures))


def page_of(tmp_path: Path, *arguments: object) -> str:
    path = tmp_path / "run.html"
    main(["run", "--jobs", "1", "--save", str(tmp_path), "--html", str(path), *map(str, arguments)])
    return path.read_text(encoding="utf-8")


def without_clock(page: str) -> str:
    rest, count = re.subn(r'<section class="card" id="clock".*?</section>', "", page, flags=re.DOTALL)
    assert count == 1
    return rest


def test_the_page_counts_what_the_report_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(tmp_path, "--traces", 6, "--ops", 30, "--seed", 5, "--json")
    report = json.loads(capsys.readouterr().out)
    shown = dict(re.findall(r"<dt>([^<]*)</dt><dd>([\d,]+)</dd>", page))
    numbers = {name: int(text.replace(",", "")) for name, text in shown.items()}
    assert numbers["traces"] == report["traces"] == 6
    assert numbers["operations"] == report["operations"]
    assert numbers["device events"] == report["device_events"]
    states = report["crash_states"]["prefix"]
    assert (
        numbers["crash states"] == states["total"] > numbers["recovered and judged"] == states["checked"] > 0
    )
    assert "Held: no violation" in page
    assert "exhaustive" in page


def test_what_a_damaged_device_shows_is_not_called_a_power_cut() -> None:
    fault = Fault("damage", (), Damage("flip", 1, 2, 3))
    shown = Violation("content", 2, None, "OK", "words", (), fault=fault)
    (finding,) = group([Failure(0, TRACE, (shown,))], [])
    assert finding.title == "On a damaged device the engine shows something wrong, and no error"
    (finding,) = group([Failure(0, TRACE, (replace(shown, fault=Fault("prefix", (Cut(1),))),))], [])
    assert finding.title == "After the power cut the store holds something that it must not"


def test_the_same_again_has_all_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--kinds", "prefix,torn", "--model", "nor", "--model", "disk512", "--no-shrink")
    page = page_of(tmp_path, "--traces", 1, "--ops", 3, "--seed", 5, "--json", *asked)
    again = re.search(r"<code>powercut (run [^<]*)</code>", page)
    assert again is not None
    report = json.loads(capsys.readouterr().out)
    assert "--kinds prefix,torn --model nor --model disk512" in again[1]
    main([*again[1].split(), "--json", "--jobs", "1"])
    assert json.loads(capsys.readouterr().out)["crash_states"] == report["crash_states"]


def test_two_runs_differ_in_nothing_but_the_clock(tmp_path: Path) -> None:
    first, again = (page_of(tmp_path, "--traces", 3, "--ops", 20, "--seed", 9) for _ in range(2))
    assert without_clock(first) == without_clock(again)


def test_the_findings_of_a_planted_bug_can_be_replayed(tmp_path: Path, mutant: Mutant) -> None:
    library = mutant("13-move-not-pending")
    page = page_of(tmp_path, "--engine", library, "--traces", 12, "--ops", 60, "--seed", 1)
    found = re.findall(r"powercut replay (\S+) --engine (\S+)", page)
    assert len(found) >= 1
    for path, engine in found:
        assert main(["replay", path, "--engine", engine, "--expect"]) == 0
    assert "are one change in several writes, in a rename" in page
    assert "<strong>Why:</strong> Prog #" in page
    assert f"--engine {library}" in page
    assert "--traces 12 --ops 60 --seed 1" in page


def test_failures_are_grouped_by_kind_answer_operation_and_difference() -> None:
    failures = [
        failure(0, "content", 1, "OK", '"a": expected nothing, found 3 bytes "abc"'),
        failure(1, "mount", 1, "CORRUPT"),
        failure(2, "content", 1, "OK", '"b": expected nothing, found ""'),
        failure(3, "content", 0, "OK", '"b": expected nothing, found ""'),
        failure(4, "mount", 1, "IO"),
        failure(5, "content", 1, "OK", '"b": expected a dictionary, found nothing'),
    ]
    found = group(failures, [])
    assert [one.traces for one in found] == [(0, 2), (1,), (3,), (4,), (5,)]
    assert found[0].cause == "in a rename, a value in place of nothing"
    assert found[1].cause == "in a rename, answer CORRUPT"
    assert sum(len(one.traces) for one in found) == len(failures)


def test_failures_of_one_cause_are_one_finding_however_they_show() -> None:
    failures = [
        failure(0, "content", 1, "OK", '"a": expected nothing, found ""'),
        failure(1, "mount", 1, "CORRUPT"),
        failure(2, "content", 1, "OK", '"b": expected nothing, found ""'),
        failure(3, "mount", 1, "IO"),
    ]
    found = group(failures, [], {0: "no sync between this and that", 1: "no sync between this and that"})
    assert [one.traces for one in found] == [(0, 1, 2), (3,)]
    assert found[0].kinds == ("content", "mount")
    assert found[0].cause == "no sync between this and that"
    assert found[1].cause == "in a rename, answer IO"


def test_what_is_saved_tells_why_with_all_that_is_needed() -> None:
    one = failure(0, "mount", 1, "CORRUPT")
    expect = Expectation(
        "violation", "mount", 1, "It broke.", "CORRUPT", why="A before B.", needs=("A <C>.",)
    )
    saved = Saved(0, replace(one.trace, expect=expect), Path("x.trace.json"))
    tally = Tally(1, 1, 1, {}, 1.0, failures=[one])
    page = campaign_page(Engine.load("skink"), "x", tally, [saved], History(), 1, {0: "no sync"})
    assert "no sync" in page
    assert "<strong>Why:</strong> A before B." in page
    assert "<li>A &lt;C&gt;.</li>" in page


def test_nothing_is_called_exhaustive_that_is_not() -> None:
    whole = Count(total=10, checked=6, identical=3, unread=1)
    for count, said in (
        (whole, "exhaustive"),
        (replace(whole, checked=5), "some are left"),
        (replace(whole, beyond=1, sampled=4), "a part"),
    ):
        tally = Tally(counts={("disk512", "torn"): count})
        (row,) = covered(tally, Engine.load("skink"))
        assert sum(number for _, number, _ in row.parts) == 10
        page = campaign_page(Engine.load("skink"), "x", tally, [], History(), 1)
        assert re.findall(r'<span class="tag \w+">([^<]*)</span>', page) == [said]


def test_cuts_of_recoveries_are_not_called_exhaustive_where_what_is_recovered_is_not() -> None:
    whole = Count(total=10, checked=10)
    for first, said in ((whole, True), (replace(whole, beyond=1), False), (replace(whole, checked=9), False)):
        counts = {
            ("", "prefix"): whole,
            ("nor", "torn"): first,
            ("nor", "nested"): whole,
            ("nand", "nested"): whole,
        }
        rows = {
            (row.kind, row.model): row.exhaustive
            for row in covered(Tally(counts=counts), Engine.load("skink"))
        }
        assert rows["nested", "nor"] is said
        assert rows["nested", "nand"] is True
        assert states_json(Tally(counts=counts))["nested"]["nor"]["exhaustive"] is said


def test_numbers_stay_on_one_line(browser: webdriver.Chrome, tmp_path: Path) -> None:
    large = Count(total=888_888_888, checked=222_222_222, identical=222_222_222, unread=222_222_222)
    tally = Tally(counts={("virtio-writethrough", "torn"): large, ("nor", "nested"): large})
    page = Page(browser, tmp_path)
    for width in (1200, 800, 390):
        page.looks(width, dark=False)
        page.open(campaign_page(Engine.load("skink"), "x", tally, [], History(), 1))
        heights = page.run(
            "return [...document.querySelectorAll('.coverage td.num')].map((one) => {"
            "const range = document.createRange(); range.selectNodeContents(one);"
            "return range.getBoundingClientRect().height / parseFloat(getComputedStyle(one).fontSize); })"
        )
        assert len(heights) == 10
        assert max(heights) < 2
        assert page.run("return document.documentElement.scrollWidth") <= width
        assert page.run(SPILLS) == []


#: Words of the drawing that are cut off at its edges.
CLIPPED = """
const frame = document.querySelector(".chart svg").getBoundingClientRect();
return [...document.querySelectorAll(".chart text")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
}).map((one) => one.textContent);
"""


@pytest.mark.parametrize("width", [1200, 390], ids=["wide", "phone"])
def test_no_number_of_the_chart_is_cut_off(browser: webdriver.Chrome, tmp_path: Path, width: int) -> None:
    history = History()
    for second in range(1, 4):
        history.add(counted(800_000 * second, second, []), 0)
    page = Page(browser, tmp_path)
    page.looks(width, dark=False)
    tally = Tally(counts={("", "prefix"): Count(total=2_400_000, checked=2_400_000)})
    page.open(campaign_page(Engine.load("skink"), "x", tally, [], history, 2))
    assert "800,000" in page.run("return document.querySelector('.chart svg').textContent")
    assert page.run(CLIPPED) == []


def test_the_history_of_a_long_campaign_stays_short_and_true() -> None:
    history = History()
    for second in range(100_000):
        history.add(counted(10 * second, float(second)), 0)
    assert len(history.moments) <= MOMENTS_MAX
    rates = history.rates()
    assert 2 <= len(rates) <= 60
    assert all(abs(rate - 10) < 0.01 for _, rate in rates)


def test_what_an_engine_is_called_cannot_break_out_of_the_page() -> None:
    engine = Engine.load("skink")
    engine.name = "<script>alert(1)</script>"
    page = campaign_page(engine, "powercut run --engine '<b>'", Tally(), [], History(), 1)
    assert "<script" not in page
    assert "<b>" not in page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390], ids=["wide", "phone"])
def test_it_is_legible_everywhere(browser: webdriver.Chrome, tmp_path: Path, width: int, dark: bool) -> None:
    failures = [
        failure(0, "content", 1, "OK", f'"{"k" * 200}": expected nothing, found ""'),
        failure(1, "mount", 1, "IO"),
    ]
    counts = {
        ("", "prefix"): Count(total=62, checked=40, identical=20),
        ("virtio-writethrough", "torn"): Count(
            total=4_000_000, checked=2_000_000, unread=9, beyond=7, sampled=8
        ),
    }
    tally = Tally(2, 4, 60, counts, 3.0, True, failures, failures, 17)
    history = History()
    for second in range(1, 4):
        history.add(counted(second * second, second, failures[: second - 1]), 0)
    page = Page(browser, tmp_path)
    page.looks(width, dark=dark)
    page.open(campaign_page(Engine.load("skink"), "powercut run --seed 1", tally, [], history, 2))
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run(WIDER_THAN_ITS_PAGE) == []
    assert page.run(OVERLAPS) == []
    assert [one for one in page.run(CONTRASTS) if one[0] < 4.5] == []
    assert page.browser.get_log("browser") == []
    assert [url for url in page.fetched() if not url.startswith(("data:", page.path.as_uri()))] == []
