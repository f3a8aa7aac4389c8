//! Who asks a broker for its state over HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::{
    brokers::{Broker, Management},
    report::median,
};

/// A name and a password, as HTTP sends them: `guest`, `guest`.
const LOGIN: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

/// How often a question is asked to tell how long an answer takes.
const QUESTIONS: usize = 9;

/// No further question is asked once they have taken so long together.
const PATIENCE: Duration = Duration::from_secs(15);

/// An operator, or a program of one.
pub(super) struct Operator {
    agent: ureq::Agent,
    pub(super) at: Management,
}

impl Operator {
    pub(super) fn of(broker: &Broker) -> anyhow::Result<Self> {
        let at = broker.management.clone().context("the broker can be asked")?;
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(120)));
        Ok(Self { agent: config.build().into(), at })
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        self.ask(&self.at.api, path, "identity")
    }

    fn ask(&self, address: &str, path: &str, packing: &str) -> anyhow::Result<Vec<u8>> {
        let url = format!("http://{address}{path}");
        let request = self.agent.get(&url).header("authorization", LOGIN);
        let mut answer = request.header("accept-encoding", packing).call().context(url)?;
        Ok(answer.body_mut().with_config().limit(1 << 30).read_to_vec()?)
    }

    /// The median of a few answers, in milliseconds until the last byte.
    pub(super) fn time(&self, address: &str, path: &str, packing: &str) -> anyhow::Result<f64> {
        let mut times = Vec::new();
        let first = Instant::now();
        while times.len() < QUESTIONS && first.elapsed() < PATIENCE {
            let begun = Instant::now();
            let answer = self.ask(address, path, packing)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            ensure!(!answer.is_empty(), "{path} has an answer");
        }
        median(times.into_iter()).context("something was asked")
    }
}

/// Somebody who asks again and again.
pub(super) struct Asking {
    ends: Arc<AtomicBool>,
    thread: thread::JoinHandle<anyhow::Result<()>>,
}

impl Asking {
    pub(super) fn begin(
        operator: Operator,
        paths: &'static [&'static str],
        interval: Duration,
    ) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                for path in paths {
                    let address =
                        if *path == "/metrics" { &operator.at.metrics } else { &operator.at.api };
                    operator.ask(address, path, "gzip")?;
                }
                thread::sleep(interval);
            }
            Ok(())
        });
        Self { ends, thread }
    }

    /// Waits for the last answer.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("who asks does not panic")?
    }
}
