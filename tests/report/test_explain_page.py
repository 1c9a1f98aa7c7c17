# SPDX-License-Identifier: ISC
"""The page of powercut explain in a real Chromium: buttons, keys, light and dark, phone, nothing fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from powercut.engine import Engine
from powercut.fault import KINDS, Cut, Fault
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.replay import Replay
from powercut.report.page import explain_page
from powercut.report.story import Story, tell
from powercut.report.words import moment
from powercut.trace import EngineRef, Trace

from .conftest import CONTENT, LOST_WRITE, Told
from .test_explain_faults import faults, story_of

Chrome = webdriver.Chrome

#: Every element whose text is seen, with the contrast of its text against what is behind it.
CONTRASTS = """
const HIDDEN = ":disabled, svg, script, style";
const luminance = (c) => {
  const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at), gradient = style.backgroundImage.match(/rgb\\([^)]*\\)/g);
    if (gradient) return gradient.map(parse);
    const color = parse(style.backgroundColor);
    if (color.length < 4 || color[3] > 0.9) return [color];
  }
  return [[255, 255, 255]];
};
return [...document.querySelectorAll("body *")].filter((element) => {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return own && element.checkVisibility() && !element.closest(HIDDEN);
}).map((element) => {
  const color = parse(getComputedStyle(element).color);
  const ratios = behind(element).map((back) => {
    const [a, b] = [luminance(color), luminance(back)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
  return [Math.min(...ratios), element.className, element.textContent.slice(0, 40)];
});
"""

#: Pairs of controls or cells that lie on top of each other.
OVERLAPS = """
const boxes = [...document.querySelectorAll("button, a, input, summary")]
  .filter((one) => one.checkVisibility())
  .map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
const found = [];
boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
  if (one.contains(other) || other.contains(one)) return;
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const tall = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (wide > 1 && tall > 1) found.push([one.outerHTML.slice(0, 80), other.outerHTML.slice(0, 80)]);
}));
return found;
"""

#: Controls whose words do not fit them.
SPILLS = """
return [...document.querySelectorAll("button, .tag, .badge")].filter((one) =>
  one.checkVisibility() && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
).map((one) => one.outerHTML.slice(0, 100));
"""

WIDER_THAN_ITS_PAGE = """
return [...document.querySelectorAll("body *")].filter((one) => {
  if (!one.checkVisibility() || one.closest(".skip, thead, svg, .hex, .scroll")) return false;
  const box = one.getBoundingClientRect();
  return box.width && (box.right > document.documentElement.clientWidth + 1 || box.left < -1);
}).map((one) => one.outerHTML.slice(0, 100));
"""


class Page:
    """One page in the browser."""

    def __init__(self, browser: Chrome, folder: Path) -> None:
        self.browser = browser
        self.path = folder / "page.html"
        self.looks(1200, dark=False)

    def looks(self, width: int, *, dark: bool) -> None:
        """The window's width, a phone below 500, and the colours that its user prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": 850, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, page: str, fragment: str = "") -> None:
        """Shows a page, and forgets what the browser logged before."""
        self.path.write_text(page, encoding="utf-8")
        self.browser.get("about:blank")
        self.browser.get_log("browser")
        self.browser.get_log("performance")
        self.browser.get(self.path.as_uri() + fragment)

    def find(self, selector: str) -> WebElement:
        """The first element of a selector."""
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What is seen of it."""
        return self.find(selector).text

    def keys(self, *keys: str) -> None:
        """Presses keys, wherever the focus is."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def run(self, script: str) -> Any:
        """What a script answers."""
        return self.browser.execute_script(script)

    def fetched(self) -> list[str]:
        """The addresses that were asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        sent = [one for one in messages if one["method"] == "Network.requestWillBeSent"]
        return [one["params"]["request"]["url"] for one in sent]


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Page:
    return Page(browser, tmp_path)


@pytest.fixture(scope="module")
def story(told: Told) -> Story:
    return told(LOST_WRITE)


def now(page: Page) -> str:
    return page.text("#now").partition("\n")[0]


def test_buttons_keys_and_the_address_step_through_the_events(page: Page, story: Story) -> None:
    page.open(explain_page(story, "x"))
    assert now(page).startswith("⚡ Power cut")
    page.find("#back").click()
    assert now(page) == "Device event 26 of 31: prog of 66 bytes at block 7, offset 62"
    assert "step=26" in page.run("return location.hash")
    page.keys(Keys.ARROW_LEFT)
    assert now(page).startswith("Device event 25")
    page.keys(Keys.HOME)
    assert now(page).startswith("Start")
    assert page.find("#back").get_attribute("disabled")
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert now(page).startswith("Device event 2 of 31: sync")
    page.keys("c")
    assert now(page).startswith("⚡ Power cut")
    page.find("#last").click()
    assert now(page).startswith("Recovery, event 12")
    assert page.find("#forth").get_attribute("disabled")


def test_the_address_keeps_step_and_block(page: Page, story: Story) -> None:
    page.open(explain_page(story, "x"), "#step=7&block=3")
    assert now(page).startswith("Device event 7")
    assert page.text("#blocktitle") == "Block 3"
    page.run("location.hash = '#step=2'")
    WebDriverWait(page.browser, 5).until(lambda _: now(page).startswith("Device event 2"))
    page.open(explain_page(story, "x"), "#step=99999&block=77777")
    assert now(page).startswith("Recovery, event 12")


def test_the_map_and_the_lines_follow_the_step(page: Page, story: Story) -> None:
    page.open(explain_page(story, "x"), "#step=26")
    hit = page.find("#map .hit")
    assert hit.get_attribute("aria-label").startswith("block 7: ")
    assert page.text("#blocktitle") == "Block 7"
    fresh = page.browser.find_elements(By.CSS_SELECTOR, "#blocklines .fresh")
    assert any("commit 2" in line.text for line in fresh)
    page.find("#map button").click()
    assert page.text("#blocktitle") == "Block 0"
    page.keys(Keys.ARROW_RIGHT)
    assert page.text("#blocktitle") == "Block 1"
    assert page.find("#map [aria-pressed=true]").get_attribute("aria-label").startswith("block 1: ")
    assert page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"


def test_the_bytes_of_a_block_are_those_of_the_device(page: Page, story: Story) -> None:
    page.open(explain_page(story, "x"), "#step=26&block=7")
    page.find("#blockbytes summary").click()
    WebDriverWait(page.browser, 5).until(lambda _: page.text("#hex").startswith("0000"))
    assert story.film is not None
    data = story.film.versions[story.film.blocks_at(26)[7]]
    first = page.text("#hex").splitlines()[0].split()[1:17]
    assert bytes.fromhex("".join(first)) == data[:16]
    assert page.find("#hex mark")


def test_the_time_line_can_be_clicked(page: Page, told: Told) -> None:
    story = told(CONTENT)  # short enough to be on the time line as a whole
    page.open(explain_page(story, "x"))
    picks = page.browser.find_elements(By.CSS_SELECTOR, "#strip .pick")
    assert len(picks) == len(story.film.frames) if story.film else 0
    page.run("document.querySelectorAll('#strip .pick')[4].dispatchEvent(new Event('click'))")
    assert now(page).startswith("Device event 4 of 10")
    page.find(".ops a.ev").click()
    WebDriverWait(page.browser, 5).until(lambda _: now(page).startswith("Device event 1 of"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390], ids=["wide", "phone"])
def test_it_is_legible_everywhere(page: Page, told: Told, width: int, dark: bool) -> None:
    page.looks(width, dark=dark)
    page.open(explain_page(told(CONTENT), "x"))
    page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    background = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(", "))) < 200) == dark
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run(WIDER_THAN_ITS_PAGE) == []
    assert page.run(OVERLAPS) == []
    faint = [one for one in page.run(CONTRASTS) if one[0] < 4.5]
    assert faint == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "prefix"])
def test_every_kind_of_crash_state_is_legible_and_can_be_stepped_through(page: Page, kind: str) -> None:
    story = story_of(faults(kind, 2)[-1])
    assert story.film is not None
    for width, dark in ((1200, True), (390, False)):
        page.looks(width, dark=dark)
        page.open(explain_page(story, "x"))
        page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.run("return document.documentElement.scrollWidth") <= width
        assert page.run(WIDER_THAN_ITS_PAGE) == []
        assert page.run(OVERLAPS) == []
        assert page.run(SPILLS) == []
        assert [one for one in page.run(CONTRASTS) if one[0] < 4.5] == []
    assert moment(story) in now(page)
    page.keys(Keys.HOME)
    for step, frame in enumerate(story.film.frames):
        assert page.find("#slider").get_attribute("value") == str(step)
        assert frame.words in now(page)
        page.keys(Keys.ARROW_RIGHT)
    assert page.find("#forth").get_attribute("disabled")
    page.keys("c")
    assert page.find("#slider").get_attribute("value") == str(story.film.cut_frame)
    assert page.browser.get_log("browser") == []


def test_what_was_not_yet_synced_is_shaded(page: Page, told: Told) -> None:
    page.open(explain_page(told(CONTENT), "x"))
    assert len(page.browser.find_elements(By.CSS_SELECTOR, "#strip .risk")) == 1
    assert page.find("#risk").is_displayed()
    page.open(explain_page(story_of(Fault("prefix", (Cut(2),))), "x"))  # behind a sync
    assert page.browser.find_elements(By.CSS_SELECTOR, "#strip .risk") == []
    assert not page.find("#risk").is_displayed()


def test_the_browser_complains_of_nothing_and_fetches_nothing(page: Page, story: Story) -> None:
    page.open(explain_page(story, "x"))
    page.find("#blockbytes summary").click()
    page.keys(Keys.HOME, Keys.END)
    assert page.browser.get_log("browser") == []
    elsewhere = [url for url in page.fetched() if not url.startswith(("data:", page.path.as_uri()))]
    assert elsewhere == []


def test_everything_that_can_be_pressed_has_a_name(page: Page, story: Story) -> None:
    page.open(explain_page(story, "x"))
    for one in page.browser.find_elements(By.CSS_SELECTOR, "button, a, input, summary"):
        assert one.accessible_name.strip(), one.get_attribute("outerHTML")
    assert page.find("#now").get_attribute("aria-live") == "polite"
    assert page.run("return document.documentElement.lang") == "en"


def test_what_keys_and_values_hold_runs_nowhere(page: Page) -> None:
    evil = b"<img src=x onerror=window.harm=1>"
    ops = (
        Op("set", evil, value=Literal(evil)),
        Op("set", b"b", value=Literal(b"</script><script>window.harm=1")),
    )
    engine = Engine.load("skink")
    trace = Trace(Geometry(16, 16, 512, 16), ops, EngineRef("skink", engine.version), note=evil.decode())
    page.open(explain_page(tell(trace, engine, Replay(trace, None, 0, "")), evil.decode()))
    page.keys(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.run("return window.harm") is None
    assert page.browser.find_elements(By.CSS_SELECTOR, "img") == []


def test_without_a_script_the_page_still_tells_it(page: Page, told: Told) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(explain_page(told(CONTENT), "x"))
        body = page.text("body")
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    for said in ("Expected and found", "Stepping needs JavaScript", "entry 0: gone", "never happened"):
        assert said in body
