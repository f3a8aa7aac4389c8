//! Reads what a test runner counted from its closing lines.

/// Whose closing lines a part prints.
#[derive(Clone, Copy)]
pub(super) enum Runner {
    /// It counts nothing: its exit code says all.
    ExitCode,
    /// `test result: ok. 3 passed; 0 failed; 0 ignored; …`, once a binary.
    Cargo,
    /// `= 3 passed, 1 deselected in 0.1s =`.
    Pytest,
    /// `# pass 3`, or `ℹ pass 3`.
    Node,
    /// `    --- PASS: TestUpstream/TestName (0.1s)`, once a test.
    Go,
    /// `Tests run: 3, Failures: 0, Errors: 0, Skipped: 0`, last for all of them.
    Surefire,
}

/// What a run counted.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Skipped, ignored, cancelled, expected to fail: whatever did not show anything.
    pub(super) skipped: u64,
}

impl Runner {
    /// What `log` says in total, or `None` if this runner counts nothing.
    pub(super) fn counts(self, log: &str) -> Option<Counts> {
        let mut counts = Counts::default();
        match self {
            Self::ExitCode => return None,
            Self::Cargo => {
                for line in log.lines().filter(|line| line.starts_with("test result:")) {
                    counts.passed += before(line, "passed");
                    counts.failed += before(line, "failed");
                    counts.skipped += before(line, "ignored");
                }
            }
            Self::Pytest => {
                for line in
                    log.lines().filter(|line| line.starts_with('=') && line.contains(" in "))
                {
                    counts.passed += before(line, "passed");
                    counts.failed +=
                        before(line, "failed") + before(line, "error") + before(line, "errors");
                    counts.skipped += before(line, "skipped") + before(line, "xfailed");
                }
            }
            Self::Node => {
                for line in log.lines().filter(|line| line.starts_with(['#', 'ℹ'])) {
                    counts.passed += after(line, "pass");
                    counts.failed += after(line, "fail") + after(line, "cancelled");
                    counts.skipped += after(line, "skipped") + after(line, "todo");
                }
            }
            Self::Go => {
                // A test that only holds others is not counted beside them.
                for line in log.lines().filter(|line| line.starts_with("    --- ")) {
                    counts.passed += u64::from(line.contains("--- PASS"));
                    counts.failed += u64::from(line.contains("--- FAIL"));
                    counts.skipped += u64::from(line.contains("--- SKIP"));
                }
            }
            Self::Surefire => {
                if let Some(line) = log.lines().rfind(|line| line.contains("Tests run:")) {
                    counts.failed = after(line, "Failures:") + after(line, "Errors:");
                    counts.skipped = after(line, "Skipped:");
                    counts.passed =
                        after(line, "run:").saturating_sub(counts.failed + counts.skipped);
                }
            }
        }
        Some(counts)
    }
}

/// What tests tell of themselves in `log`: lines that begin with `counts: `, or name a seed to go on with.
pub(super) fn told(log: &str) -> Vec<String> {
    // Node's runner makes comments of what a test prints.
    let lines = log.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
    let tells = |line: &&str| line.starts_with("counts: ") || line.contains("; next seed ");
    let line = |line: &str| line.strip_prefix("counts: ").unwrap_or(line).to_owned();
    lines.filter(tells).map(line).collect()
}

/// The most lines that [`failures`] returns.
const FAILURE_LINES_MAX: usize = 40;

/// What failed in a `log`, by name, and the first words of why: what its end alone may not show.
pub(super) fn failures(log: &str) -> Vec<String> {
    let mut lines = Vec::new();
    // Of what panicked, the assertion and the two values stand below the place.
    let mut reason_lines = 0;
    for line in log.lines() {
        let names = line.ends_with("... FAILED")
            || line.starts_with("FAILED ")
            || line.trim_start().starts_with("--- FAIL")
            || line.starts_with("not ok ")
            || line.trim_start().starts_with('✖')
            || line.starts_with("[ERROR] ")
            || line.starts_with("error");
        let panicked = line.starts_with("thread '") && line.contains(" panicked at ");
        if panicked {
            reason_lines = 4;
        }
        if names || reason_lines > 0 {
            lines.push(line.chars().take(240).collect());
        }
        reason_lines = usize::saturating_sub(reason_lines, 1);
        if lines.len() == FAILURE_LINES_MAX {
            break;
        }
    }
    lines
}

/// The number before `word`, or 0.
fn before(line: &str, word: &str) -> u64 {
    neighbour(line, word, |words, at| at.checked_sub(1).map(|at| words[at]))
}

/// The number after `word`, or 0.
fn after(line: &str, word: &str) -> u64 {
    neighbour(line, word, |words, at| words.get(at + 1).copied())
}

fn neighbour<'a>(
    line: &'a str,
    word: &str,
    pick: impl Fn(&[&'a str], usize) -> Option<&'a str>,
) -> u64 {
    let trim = |found: &'a str| found.trim_matches([',', ';', '.']);
    let words: Vec<&str> = line.split_whitespace().map(trim).collect();
    let at = words.iter().position(|found| *found == word);
    at.and_then(|at| pick(&words, at)).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runner: Runner, log: &str, passed: u64, failed: u64, skipped: u64) {
        assert_eq!(runner.counts(log), Some(Counts { passed, failed, skipped }));
    }

    #[test]
    fn what_failed_is_named_with_its_reason() {
        let log = "running 2 tests\ntest lists::one ... ok\ntest lists::two ... FAILED\n\n---- lists::two stdout ----\n\n\
                   thread 'lists::two' (7) panicked at tests/lists.rs:1:5:\nassertion failed\n  left: 1\n right: 2\n\
                   stack backtrace:\n   0: main\n";
        let expected = [
            "test lists::two ... FAILED",
            "thread 'lists::two' (7) panicked at tests/lists.rs:1:5:",
            "assertion failed",
            "  left: 1",
            " right: 2",
        ];
        assert_eq!(failures(log), expected);
        assert_eq!(failures("test a ... ok\n"), Vec::<String>::new());
        assert_eq!(failures(&"error: x\n".repeat(99)).len(), FAILURE_LINES_MAX);
    }

    #[test]
    fn cargo_counts_once_a_binary() {
        let log = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
                   test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        check(Runner::Cargo, log, 7, 3, 1);
    }

    #[test]
    fn pytest_leaves_out_what_it_did_not_count() {
        check(Runner::Pytest, "====== 12 passed, 3 deselected in 1.23s ======", 12, 0, 0);
        check(
            Runner::Pytest,
            "== 1 failed, 9 passed, 2 skipped, 1 error in 4.5s (0:00:04) ==",
            9,
            2,
            2,
        );
    }

    #[test]
    fn node_counts_in_both_of_its_formats() {
        check(
            Runner::Node,
            "# tests 22\n# pass 21\n# fail 0\n# cancelled 1\n# skipped 0\n# todo 0",
            21,
            1,
            0,
        );
        check(Runner::Node, "ℹ tests 4\nℹ pass 1\nℹ fail 1\nℹ skipped 1\nℹ todo 1", 1, 1, 2);
    }

    #[test]
    fn go_counts_the_upstream_tests() {
        let log = "--- PASS: TestUpstream (9.0s)\n    --- PASS: TestUpstream/TestA (0.0s)\n    --- SKIP: \
                   TestUpstream/TestB (0.0s)";
        check(Runner::Go, log, 1, 0, 1);
    }

    #[test]
    fn surefire_counts_all_that_ran() {
        let log = "[INFO] Tests run: 7, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 37.01 s -- in ClientTest\n\
                   [INFO] Tests run: 7, Failures: 1, Errors: 2, Skipped: 1";
        check(Runner::Surefire, log, 3, 3, 1);
    }
}
