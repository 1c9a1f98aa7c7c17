# SPDX-License-Identifier: ISC
"""The pytest plugin, which pytest loads wherever powercut is installed; quiet until it is used.

``-p no:powercut`` leaves it out. Everything heavy is imported by the fixtures.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from powercut.suite import hooks
from powercut.suite.options import (
    add_options,
    any_chosen,
    engine_ids,
    session_devices,
    session_engines,
    session_seconds,
    session_settings,
    switched,
)
from powercut.suite.settings import MARKER, Settings, device_id
from powercut.suite.state import FIXTURE, KEY, SessionTime, Suite, item_settings
from powercut.suite.summary import summary_lines
from powercut.suite.tally import Tally, by_engine, by_kind, from_plain
from powercut.suite.work import Work

if TYPE_CHECKING:
    from powercut.engine import Engine
    from powercut.geometry import Geometry
    from powercut.suite.explorer import Explorer
    from powercut_models import StoreModel

_MARKER = (
    f"powercut({', '.join(f'{name}=...' for name in MARKER)}): what a test explores, in place of what the "
    "session's options and profile say."
)

#: Where the seed of a session that failed is kept for --last-failed.
_SEED = "powercut/seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """The hook for conftest.py."""
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """The session's settings. Raises UsageError."""
    config.addinivalue_line("markers", _MARKER)
    seed = getattr(config, "workerinput", {}).get("powercut_seed", _last_seed(config))
    settings = session_settings(config, seed)
    _demand_models(settings)
    work = Work(settings, here=config.invocation_params.dir)
    config.stash[KEY] = Suite(settings, SessionTime(session_seconds(config)), work)


def _demand_models(settings: Settings) -> None:
    """Raises UsageError where a device model is named that there is not: rather than in each test."""
    if not settings.models and settings.models_file is None:
        return
    from powercut.devices import known_models, named  # noqa: PLC0415
    from powercut.errors import PowercutError  # noqa: PLC0415

    try:
        named([name for name in settings.models if name != "all"], known_models(settings.models_file))
    except PowercutError as error:
        raise pytest.UsageError(str(error)) from None


def _last_seed(config: pytest.Config) -> int | None:
    """The drawn seed of the session whose failures are run once more."""
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is None or not config.getoption("lf", default=False):
        return None
    seed = cache.get(_SEED, None)
    return seed if isinstance(seed, int) else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: every worker gets the seed that was drawn here."""
    node.workerinput["powercut_seed"] = node.config.stash[KEY].settings.seed


def pytest_report_header(config: pytest.Config) -> str | None:
    """The seed and the profile, where somebody uses the options."""
    settings = config.stash[KEY].settings
    return f"powercut: profile {settings.profile}, seed {settings.seed}" if any_chosen(config) else None


# --- which tests there are -------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Trace files, where the session asks for them."""
    if not file_path.name.endswith(".trace.json") or not switched(parent.config, "traces"):
        return None
    from powercut.plugin import trace_file  # noqa: PLC0415

    return trace_file(file_path, parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that uses the engine runs once for each, and once for each device if there are several."""
    used = set(metafunc.fixturenames) - _parametrised(metafunc)
    if "powercut_engine" in used:
        names = engines_for(metafunc.definition)
        if names:
            metafunc.parametrize(
                "powercut_engine", names, ids=engine_ids(names), indirect=True, scope="session"
            )
    if "powercut_device" in used:
        devices = devices_for(metafunc.definition)
        ids: list[Any] = [device_id(one) for one in devices]
        if len(ids) == 1:  # nothing to tell apart; before pytest 8.4 it is told nevertheless
            ids = [getattr(pytest, "HIDDEN_PARAM", ids[0])]
        metafunc.parametrize("powercut_device", devices, ids=ids, indirect=True, scope="session")


def _parametrised(metafunc: pytest.Metafunc) -> set[str]:
    """The arguments that the test gives values for by itself."""
    found: set[str] = set()
    for marker in metafunc.definition.iter_markers("parametrize"):
        names = marker.args[0] if marker.args else marker.kwargs.get("argnames", ())
        found.update(name.strip() for name in (names.split(",") if isinstance(names, str) else names))
    return found


def engines_for(node: pytest.Item | pytest.Collector) -> list[str]:
    """The engines that a test, or a trace file, is for."""
    by_conftest = node.ihook.pytest_powercut_engines(config=node.config)
    return session_engines(node.config, by_conftest)


def devices_for(node: pytest.Item | pytest.Collector) -> list[Geometry]:
    """The devices that a test is for."""
    by_conftest = node.ihook.pytest_powercut_devices(config=node.config)
    return session_devices(node.config, by_conftest)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every marker is read once, so that a wrong one is told before anything runs."""
    suite = config.stash[KEY]
    for item in items:
        item_settings(item, suite.settings)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The time is shared among the tests that are left."""
    config = session.config
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    tests = sum(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
    config.stash[KEY].time.begin(tests, workers)


# --- what a test gets ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def powercut_engine(request: pytest.FixtureRequest) -> Engine:
    """The engine under test: of --powercut-engine, of a conftest.py, or of the ini option powercut_engine."""
    name: str | None = getattr(request, "param", None)
    if name is None:
        return pytest.fail(
            "No engine is named: say --powercut-engine ./libmine.so (or ./file.py:Class, or skink), set "
            "powercut_engine in the ini file, or implement pytest_powercut_engines in a conftest.py.",
            pytrace=False,
        )
    from powercut.errors import PowercutError  # noqa: PLC0415
    from powercut.tryout import load_engine  # noqa: PLC0415

    try:
        engine = load_engine(name)
        _warn_of_claims(engine, name, request.config)
    except PowercutError as error:
        return pytest.fail(str(error), pytrace=False)
    return engine


def _warn_of_claims(engine: Engine, name: str, config: pytest.Config) -> None:
    """A warning for each claim of the engine that means nothing. Raises PowercutError."""
    from powercut.devices import known_models  # noqa: PLC0415
    from powercut.errors import PowercutWarning  # noqa: PLC0415

    known = known_models(config.stash[KEY].settings.models_file)
    for sentence in engine.unknown_claims(known, "--powercut-models"):
        warnings.warn_explicit(sentence, PowercutWarning, name, lineno=1)


@pytest.fixture(scope="session")
def powercut_device(request: pytest.FixtureRequest) -> Geometry:
    """The device under the engine: of --powercut-device, of a conftest.py, or the profile's."""
    device: Geometry = getattr(request, "param", None) or session_devices(request.config, None)[0]
    return device


@pytest.fixture(scope="session")
def powercut_explorer(
    request: pytest.FixtureRequest, powercut_engine: Engine, powercut_device: Geometry
) -> Explorer:
    """Runs operations on the engine, cuts the power, judges. Made for a session: @given may use it."""
    from powercut.suite.explorer import Explorer  # noqa: PLC0415

    return Explorer(powercut_engine, powercut_device, request.config.stash[KEY].work)


@pytest.fixture
def powercut_model(powercut_explorer: Explorer) -> Iterator[StoreModel]:
    """A fresh model of the store in SQL, with the engine's limits."""
    with powercut_explorer.model() as model:
        yield model


# --- running, counting, telling --------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    """The test at hand is the one whose marker counts."""
    item.config.stash[KEY].begin(item)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """What the test looked at goes along with its report, and as properties into --junitxml."""
    if call.when == "call":
        suite = item.config.stash[KEY]
        tally = suite.end()
        if tally is not None:
            tally.tests = 1
            item.user_properties.extend(properties(tally, suite.work.seed))
            report = yield
            report.powercut = tally.plain()
            return report
    return (yield)


def properties(tally: Tally, seed: int) -> list[tuple[str, object]]:
    """A test's tally as properties: powercut_states_prefix is "judged and passed over/all"."""
    found: list[tuple[str, object]] = [
        ("powercut_engine", tally.engine),
        ("powercut_seed", seed),
        ("powercut_traces", tally.traces),
    ]
    for kind, count in by_kind(tally.counts).items():
        found.append((f"powercut_states_{kind}", f"{count.checked + count.equal}/{count.total}"))
        found.append((f"powercut_exhaustive_{kind}", str(count.exhaustive).lower()))
    for saved in tally.saved:
        found += [("powercut_trace", saved.path), ("powercut_replay", saved.replay)]
    return found


class _Counter:
    """Adds up the reports, those of xdist's workers too."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts a report."""
        plain = getattr(report, "powercut", None)
        if plain is not None:
            self._suite.done.append(from_plain(plain))


def pytest_sessionstart(session: pytest.Session) -> None:
    """From here on reports are counted."""
    session.config.pluginmanager.register(_Counter(session.config.stash[KEY]), "powercut-counter")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The seed is kept where something failed."""
    config = session.config
    cache: pytest.Cache | None = getattr(config, "cache", None)
    suite = config.stash[KEY]
    if cache is not None and session.testsfailed and suite.done and not hasattr(config, "workerinput"):
        cache.set(_SEED, suite.settings.seed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """States by kind, what is covered and what is not, saved traces; nothing where no test used powercut."""
    suite = terminalreporter.config.stash[KEY]
    interrupted = suite.end()
    parts = [*suite.done, *([interrupted] if interrupted else [])]
    if parts:
        terminalreporter.section("powercut")
        for line in summary_lines(by_engine(parts), suite.settings):
            terminalreporter.write_line(line)
