"""What is left out, each with its reason: `../left_out.toml`, and the pytest plugin that holds a run to it.

A listed test does not run. Any other skip or expected failure fails the run, and so does an entry that names no test
of the files that ran: the list says exactly what is not tested.
"""

import os
import tomllib
from pathlib import Path

import pytest

LIST = Path(__file__).resolve().parent.parent / "left_out.toml"


def left_out(suite: str) -> dict[str, str]:
    """Return the reason of each test that `suite` leaves out, by its id."""
    entries = tomllib.loads(LIST.read_text()).get(suite, [])
    return {test: entry["reason"] for entry in entries for test in entry["tests"]}


class LeftOut:
    """Deselects what is listed for `suite`, and fails the run on any other skip."""

    def __init__(self, suite: str) -> None:
        self.reasons = left_out(suite)
        self.found: set[str] = set()
        self.complaints: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Take the listed tests out of the run."""
        listed = [item for item in items if item.nodeid in self.reasons]
        self.found = {item.nodeid for item in listed}
        if not any("::" in argument for argument in config.args):
            files = {item.nodeid.split("::")[0] for item in items}
            self.complaints += [
                f"{LIST.name} names a test that does not exist: {test}"
                for test in self.reasons.keys() - self.found
                if test.split("::")[0] in files
            ]
        items[:] = [item for item in items if item.nodeid not in self.reasons]
        config.hook.pytest_deselected(items=listed)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skip, and an `xfail`, which pytest reports as a skip."""
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        """Note a skipped module."""
        if report.skipped:
            reason = getattr(report, "wasxfail", report.longrepr)
            self.complaints.append(f"skipped, but not in {LIST.name}: {report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turn a good run into a failed one if there is a complaint."""
        if self.complaints and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left out and why, and what should not have been."""
        for test in sorted(self.found):
            terminalreporter.write_line(f"LEFT OUT {test}: {self.reasons[test]}")
        for complaint in self.complaints:
            terminalreporter.write_line(f"ERROR {complaint}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Hold the run to its part of the list: that of the suite, or of the broker under test."""
    suite = os.environ.get("LEFT_OUT_SUITE") or os.environ.get("BROKER", "pillarbox")
    config.pluginmanager.register(LeftOut(suite))
