//! The table of everything that `cargo xtask test` runs.

use super::closing::Runner;

/// One row: a command, and when it may run.
pub(super) struct Part {
    /// How `--only` and the table call it.
    pub(super) name: &'static str,
    /// What it shows.
    pub(super) about: &'static str,
    /// The folder to run in, from the repository's root.
    pub(super) folder: &'static str,
    /// The program and its arguments.
    pub(super) command: &'static [&'static str],
    /// Variables it gets besides those of the whole run.
    pub(super) env: &'static [(&'static str, &'static str)],
    /// The parts that must have passed before it.
    pub(super) after: &'static [&'static str],
    /// What it calls besides its command.
    pub(super) programs: &'static [&'static str],
    /// Parts of one lane never overlap.
    pub(super) lane: Lane,
    /// It may run with every fifth commit only.
    pub(super) long: bool,
    /// It runs with a part that needs it, and not without one.
    pub(super) only_if_needed: bool,
    /// How its closing lines read.
    pub(super) runner: Runner,
}

/// What two parts may not use at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The `target` folder, which cargo locks. Builds yield the processor to tests beside them.
    Cargo,
    /// Nothing shared.
    Own,
}

const PLAIN: Part = Part {
    name: "",
    about: "",
    folder: ".",
    command: &[],
    env: &[],
    after: &[],
    programs: &[],
    lane: Lane::Own,
    long: false,
    only_if_needed: false,
    runner: Runner::ExitCode,
};

/// In the order in which they start; each stands below what it needs.
pub(super) const PARTS: &[Part] = &[
    Part {
        name: "fmt",
        about: "rustfmt changes nothing",
        command: &["cargo", "fmt", "--all", "--check"],
        ..PLAIN
    },
    Part {
        name: "page-setup",
        about: "what the web page is built with",
        folder: "src/management/page",
        // `npm ci` wants each optional package in the lock, of which one is for Windows and in no registry.
        command: &["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
        ..PLAIN
    },
    Part {
        name: "page-build",
        about: "the web page, which becomes a part of the binary",
        folder: "src/management/page",
        command: &["npm", "run", "build"],
        after: &["page-setup"],
        ..PLAIN
    },
    Part {
        name: "broker",
        about: "the release binary, which the client suites start",
        command: &["nice", "cargo", "build", "--release", "--package", "pillarbox"],
        after: &["page-build"],
        lane: Lane::Cargo,
        ..PLAIN
    },
    Part {
        name: "python-setup",
        about: "the Python clients in a virtual environment",
        command: &["tests/clients/python/setup.sh"],
        ..PLAIN
    },
    Part {
        name: "node-setup",
        about: "the Node clients",
        folder: "tests/clients/node",
        command: &["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        ..PLAIN
    },
    Part {
        name: "page-tests-setup",
        about: "what opens the web page in a browser",
        folder: "tests/page",
        command: &["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        ..PLAIN
    },
    Part {
        name: "go-setup",
        about: "the Go client",
        folder: "tests/clients/go",
        command: &["go", "mod", "download"],
        ..PLAIN
    },
    Part {
        name: "java-setup",
        about: "the Java client, and the suite compiled",
        folder: "tests/clients/java",
        command: &["mvn", "--batch-mode", "--quiet", "test-compile"],
        ..PLAIN
    },
    Part {
        name: "clippy",
        about: "no warning in any target",
        command: &[
            "nice",
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        lane: Lane::Cargo,
        ..PLAIN
    },
    Part {
        name: "codegen",
        about: "the generated code is fresh",
        command: &["cargo", "xtask", "codegen", "--check"],
        lane: Lane::Cargo,
        ..PLAIN
    },
    Part {
        name: "rust-build",
        about: "the Rust tests, built",
        command: &["nice", "cargo", "test", "--workspace", "--no-run"],
        lane: Lane::Cargo,
        ..PLAIN
    },
    Part {
        name: "python",
        about: "pika, aio-pika, kombu and py-amqp: tutorials 1-7, confirms, errors",
        folder: "tests/clients/python",
        command: &[
            ".venv/bin/pytest",
            "-k",
            "not test_celery and not test_flower and not test_rabbitmqadmin and not test_definitions and not test_openapi",
        ],
        after: &["broker", "python-setup"],
        runner: Runner::Pytest,
        ..PLAIN
    },
    Part {
        name: "celery",
        about: "Celery on every pool, with classic and quorum queues, and its failures",
        folder: "tests/clients/python",
        command: &[".venv/bin/pytest", "-k", "test_celery"],
        after: &["broker", "python-setup"],
        runner: Runner::Pytest,
        ..PLAIN
    },
    Part {
        name: "tools",
        about: "RabbitMQ's older rabbitmqadmin through all its commands, its definitions there and back, Flower beside a worker",
        folder: "tests/clients/python",
        command: &[
            ".venv/bin/pytest",
            "-k",
            "(test_flower or test_rabbitmqadmin or test_definitions) and not test_rabbitmqadmin_rust",
        ],
        after: &["broker", "python-setup"],
        programs: &["rabbitmqadmin", "erl"],
        runner: Runner::Pytest,
        long: true,
        ..PLAIN
    },
    Part {
        name: "openapi",
        about: "the HTTP API against its own description, by schemathesis",
        folder: "tests/clients/python",
        command: &[".venv/bin/pytest", "-k", "test_openapi"],
        after: &["broker", "python-setup"],
        runner: Runner::Pytest,
        long: true,
        ..PLAIN
    },
    Part {
        name: "rabbitmqadmin-setup",
        about: "RabbitMQ's newer rabbitmqadmin, which is written in Rust, built and kept",
        command: &[
            "nice",
            "cargo",
            "install",
            "rabbitmqadmin",
            "--version",
            "2.35.0",
            "--locked",
            "--debug",
            "--root",
            "target/tools",
        ],
        // With debug assertions its `import definitions` panics, which no user's build does.
        env: &[
            ("CARGO_TARGET_DIR", "target/tools/build"),
            ("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false"),
            ("CARGO_PROFILE_DEV_DEBUG", "false"),
        ],
        lane: Lane::Cargo,
        only_if_needed: true,
        ..PLAIN
    },
    Part {
        name: "rabbitmqadmin",
        about: "RabbitMQ's newer rabbitmqadmin through all its commands",
        folder: "tests/clients/python",
        command: &[".venv/bin/pytest", "-k", "test_rabbitmqadmin_rust"],
        env: &[("RABBITMQADMIN_RUST", "../../../target/tools/bin/rabbitmqadmin")],
        after: &["broker", "python-setup", "rabbitmqadmin-setup"],
        runner: Runner::Pytest,
        long: true,
        ..PLAIN
    },
    Part {
        name: "rust",
        about: "cargo test of the workspace",
        command: &["cargo", "test", "--workspace", "--no-fail-fast"],
        after: &["rust-build"],
        lane: Lane::Cargo,
        runner: Runner::Cargo,
        ..PLAIN
    },
    Part {
        name: "benches",
        about: "a small run of each bench",
        command: &["cargo", "test", "--package", "pillarbox", "--bench", "*"],
        after: &["rust-build"],
        lane: Lane::Cargo,
        ..PLAIN
    },
    Part {
        name: "torture",
        about: "the broker is killed under load: nothing confirmed is lost, changed or unexpected",
        command: &[
            "nice",
            "cargo",
            "test",
            "--profile",
            "simulation",
            "--package",
            "pillarbox-witness",
            "--test",
            "torture",
            "--",
            "--show-output",
        ],
        env: &[("PILLARBOX_CYCLES", "100"), ("CARGO_TARGET_DIR", "target/torture")],
        after: &["broker"],
        runner: Runner::Cargo,
        ..PLAIN
    },
    Part {
        name: "fail-points-build",
        about: "a broker that tests can end, or whose disk can fail, where they like",
        command: &[
            "nice",
            "cargo",
            "build",
            "--profile",
            "simulation",
            "--package",
            "pillarbox",
            "--features",
            "fail-points",
        ],
        env: &[("CARGO_TARGET_DIR", "target/torture")],
        ..PLAIN
    },
    Part {
        name: "fail-points",
        about: "the broker ends, or its disk fails, at chosen calls of the disk",
        command: &[
            "nice",
            "cargo",
            "test",
            "--profile",
            "simulation",
            "--package",
            "pillarbox-witness",
            "--test",
            "fail_points",
            "--",
            "--show-output",
            "--test-threads",
            "1",
        ],
        env: &[("CARGO_TARGET_DIR", "target/torture"), ("PILLARBOX_BIN", "")],
        after: &["fail-points-build"],
        runner: Runner::Cargo,
        ..PLAIN
    },
    Part {
        name: "simulation",
        about: "the broker on a simulated disk: cut off, failing, full, rotting; and beside its model",
        command: &[
            "nice",
            "cargo",
            "test",
            "--profile",
            "simulation",
            "--package",
            "pillarbox-simulation",
            "--",
            "--show-output",
        ],
        env: &[("PILLARBOX_EFFORT", "full"), ("CARGO_TARGET_DIR", "target/torture")],
        long: true,
        runner: Runner::Cargo,
        ..PLAIN
    },
    Part {
        name: "disks",
        about: "the broker on a real ext4 that loses power, is full, or stands still",
        command: &[
            "nice",
            "cargo",
            "test",
            "--profile",
            "simulation",
            "--package",
            "pillarbox-witness",
            "--test",
            "disks",
            "--",
            "--show-output",
            "--test-threads",
            "1",
        ],
        env: &[("CARGO_TARGET_DIR", "target/torture")],
        after: &["broker"],
        programs: &["qemu-storage-daemon", "mkfs.ext4"],
        runner: Runner::Cargo,
        ..PLAIN
    },
    Part {
        name: "mutants",
        about: "mistakes planted in the broker, each of which a test has to find",
        command: &["cargo", "xtask", "mutants"],
        // It builds in the same folder, and a broker of its own in the same place.
        after: &["fail-points"],
        long: true,
        ..PLAIN
    },
    Part {
        name: "loom",
        about: "every schedule of the wake protocol, and of the log's threads",
        command: &[
            "nice",
            "cargo",
            "test",
            "--release",
            "--package",
            "pillarbox-wake",
            "--package",
            "pillarbox-store",
        ],
        env: &[("RUSTFLAGS", "--cfg pillarbox_loom"), ("CARGO_TARGET_DIR", "target/loom")],
        long: true,
        runner: Runner::Cargo,
        ..PLAIN
    },
    Part {
        name: "node",
        about: "amqplib and rabbitmq-client: tutorials 1-7, reconnecting",
        folder: "tests/clients/node",
        command: &["node", "--test"],
        after: &["broker", "node-setup"],
        runner: Runner::Node,
        ..PLAIN
    },
    Part {
        name: "page",
        about: "the web page of the binary in a headless Chromium: each page and action, hostile names, axe",
        folder: "tests/page",
        command: &["node", "--test", "--test-concurrency=1", "--test-timeout=600000"],
        env: &[("PAGE_FROM_API", "1")],
        after: &["broker", "page-tests-setup"],
        programs: &["chromium"],
        runner: Runner::Node,
        long: true,
        ..PLAIN
    },
    Part {
        name: "java",
        about: "the Java client: publish, consume, confirm, recover",
        folder: "tests/clients/java",
        command: &["mvn", "--batch-mode", "--no-transfer-progress", "test"],
        after: &["broker", "java-setup"],
        runner: Runner::Surefire,
        ..PLAIN
    },
    Part {
        name: "go",
        about: "amqp091-go's own integration tests",
        folder: "tests/clients/go",
        command: &["go", "test", "-count=1", "-v", "-timeout=15m", "."],
        after: &["broker", "go-setup"],
        long: true,
        runner: Runner::Go,
        ..PLAIN
    },
    Part {
        name: "python-upstream",
        about: "the own suites of kombu, py-amqp and rabbitpy",
        folder: "tests/clients/python",
        command: &[".venv/bin/python", "upstream.py", "amqp", "kombu", "rabbitpy"],
        after: &["broker", "python-setup"],
        long: true,
        runner: Runner::Pytest,
        ..PLAIN
    },
    Part {
        name: "celery-upstream",
        about: "Celery's own integration tests",
        folder: "tests/clients/python",
        command: &[
            ".venv/bin/python",
            "upstream.py",
            "celery-inspect",
            "celery-tasks",
            "celery-worker",
        ],
        after: &["broker", "python-setup"],
        long: true,
        runner: Runner::Pytest,
        ..PLAIN
    },
];
