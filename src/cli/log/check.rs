//! `pillarbox log check`: reads a whole log, verifies all of it, and tells what is wrong.

use std::io::{self, Write as _};

use anyhow::Context as _;
use broker::record::{Definition, MessageRecord, Note};
use clap::Args;
use indicatif::ProgressBar;
use store::{BatchAt, Damage, Record, RecordAt, Visitor, survey};

use super::Where;
use super::names::{DEFINITIONS, Names};
use super::report::{Fault, Hit, Report};
use crate::DefaultFolder;
use crate::control::Purpose;
use crate::progress_bar::progress_bar;
use crate::source::Source;

/// No more damage than this is told one by one.
const FAULTS_MAX: usize = 1000;
/// No more than this is told of what one damage hits.
const HITS_MAX: usize = 20;

/// Verify a log: every checksum, every record, and that nothing is missing.
///
/// The exit code is 0 if the log is sound, 1 if it is damaged, and 2 if it cannot be read: there is none, it was written
/// by a later version, or the files may not be opened.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pillarbox log check                          the data folder that the broker takes by itself
  pillarbox log check /var/lib/pillarbox       another one; a broker may be running on it
  pillarbox log check --queues backups/monday  also how many messages each durable queue has")]
pub(super) struct Check {
    #[command(flatten)]
    place: Where,
    /// Tell for each durable queue how many messages it has
    #[arg(long)]
    queues: bool,
}

impl Check {
    /// Whether the log is sound.
    pub(super) fn run(&self, default_folder: DefaultFolder<'_>) -> anyhow::Result<bool> {
        let data_dir = self.place.data_dir(default_folder)?;
        let source = Source::open(&data_dir, Purpose::Check)?;
        let is_running = source.is_running();
        let mut checker = Checker::new();
        let found = survey(&source.files, &mut checker);
        checker.bar.finish_and_clear();
        let survey =
            found.with_context(|| format!("cannot read the log in {}", data_dir.display()))?;
        let bytes = survey.scan.bytes;
        source.finish(bytes, checker.fault_count > 0)?;
        let Checker { names, batches, faults, fault_count, cut, .. } = checker;
        let report =
            Report { data_dir, is_running, survey, batches, names, faults, fault_count, cut };
        let mut out = io::stdout().lock();
        let shown = report.write(&mut out, self.queues).and_then(|()| out.flush());
        match shown {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
        Ok(fault_count == 0)
    }
}

/// Looks at everything that is found.
struct Checker {
    names: Names,
    batches: u64,
    faults: Vec<Fault>,
    fault_count: u64,
    cut: Option<Damage>,
    bar: ProgressBar,
}

impl Checker {
    fn new() -> Self {
        Self {
            names: Names::default(),
            batches: 0,
            faults: Vec::new(),
            fault_count: 0,
            cut: None,
            bar: progress_bar(None),
        }
    }

    fn fault(&mut self, damage: Damage, why: Option<String>) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { damage, why, hits: Vec::new() });
        }
    }

    /// A record that is what was written, but cannot be understood.
    fn strange(&mut self, at: &RecordAt<'_>, why: impl ToString, hit: Hit) {
        let what = "this cannot be understood, although it is what was written";
        let RecordAt { file, offset, len, .. } = *at;
        let damage = Damage { file: file.to_owned(), offset, len, what };
        self.fault(damage, Some(why.to_string()));
        self.hit(hit);
    }

    /// What the newest damage hits.
    fn hit(&mut self, hit: Hit) {
        if self.fault_count == self.faults.len() as u64
            && let Some(fault) = self.faults.last_mut()
            && fault.hits.len() < HITS_MAX
        {
            fault.hits.push(hit);
        }
    }

    fn define(&mut self, at: &RecordAt<'_>, sequence: u64, payload: &[u8]) {
        let definition = match Definition::decode(payload) {
            Ok(definition) => definition,
            Err(error) => {
                return self.strange(
                    at,
                    error,
                    Hit::Content { sequence, owners: vec![DEFINITIONS] },
                );
            }
        };
        self.names.define(sequence, &definition);
        if let Definition::Queue(queue) = &definition
            && let Err(refusal) = queue.define()
        {
            self.strange(at, refusal, Hit::Content { sequence, owners: vec![DEFINITIONS] });
        }
    }
}

impl Visitor for Checker {
    fn batch(&mut self, _batch: &BatchAt<'_>) {
        self.batches += 1;
    }

    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        match *record {
            Record::Content { sequence, owners, payload, .. } => {
                if owners.iter().any(|owner| owner == DEFINITIONS) {
                    self.define(at, sequence, payload);
                } else if let Err(error) = MessageRecord::read(payload) {
                    let owners = owners.iter().take(HITS_MAX).collect();
                    self.strange(at, error, Hit::Content { sequence, owners });
                }
            }
            Record::Note { owner, sequence, note, .. } => {
                if let Err(error) = Note::read(note) {
                    self.strange(at, error, Hit::Note { owner, sequence });
                }
            }
            Record::Release { owner: DEFINITIONS, ranges, .. } => self.names.undefine(ranges),
            Record::Release { .. } | Record::Dropped { .. } | Record::Stopped => {}
        }
    }

    fn unsound(&mut self, _at: &RecordAt<'_>, record: &Record<'_>) {
        self.hit(match *record {
            Record::Content { sequence, owners, .. } => {
                Hit::Content { sequence, owners: owners.iter().take(HITS_MAX).collect() }
            }
            Record::Note { owner, sequence, .. } => Hit::Note { owner, sequence },
            Record::Release { owner, .. } => Hit::Release { owner },
            Record::Dropped { .. } | Record::Stopped => Hit::OfTheLog,
        });
    }

    fn damage(&mut self, damage: Damage) {
        self.fault(damage, None);
    }

    fn cut(&mut self, cut: Damage) {
        self.cut = Some(cut);
    }

    fn progress(&mut self, read: u64, all: u64) {
        self.bar.set_length(all);
        self.bar.set_position(read);
    }
}
