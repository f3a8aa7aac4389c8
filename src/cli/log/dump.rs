//! `pillarbox log dump`: the records of a log, one a line, as they are read.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, StdoutLock, Write as _};

use anyhow::{Context as _, ensure};
use broker::record::Definition;
use clap::{Args, ValueEnum};
use store::{BatchAt, Damage, Owners, Ranges, Record, RecordAt, Visitor, scan};

use super::Where;
use super::line::{Fields, Line, Value};
use super::names::{DEFINITIONS, Named, Names};
use super::record::{self, Show};
use crate::DefaultFolder;
use crate::control::Purpose;
use crate::source::Source;

/// Print the records of a log, one a line, in the order in which they were written.
///
/// Also what is dead by now is printed, as long as it has not been written over. A line begins with file and offset; what
/// clients chose is escaped, and of a body the first 64 bytes are shown. Passwords never are.
///
/// The exit code is 1 if there is damage, which has lines of its own, and 2 if the log cannot be read.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pillarbox log dump | head                              the beginning
  pillarbox log dump --queue orders                      what was written for this queue
  pillarbox log dump --kind definition /var/lib/pillarbox
  pillarbox log dump --kind message --bodies --json | jq -r .body")]
pub(super) struct Dump {
    #[command(flatten)]
    place: Where,
    /// Only what belongs to queues of this name
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Only records of this kind; may be given more than once
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,
    /// Show bodies whole
    #[arg(long)]
    bodies: bool,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

/// What a line can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Records that were written together
    Batch,
    /// A vhost, user, permission, exchange, queue or binding
    Definition,
    /// A message
    Message,
    /// What an owner has no more
    Release,
    /// What a queue noted of a message
    Note,
    /// That a file was not needed any more
    Dropped,
    /// That the log was closed
    Stopped,
    /// Bytes that are not what was written
    Damage,
    /// What was being written when the log ended
    Cut,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Definition => "definition",
            Self::Message => "message",
            Self::Release => "release",
            Self::Note => "note",
            Self::Dropped => "dropped",
            Self::Stopped => "stopped",
            Self::Damage => "damage",
            Self::Cut => "cut",
        }
    }
}

impl Dump {
    /// Whether there was no damage.
    pub(super) fn run(&self, default_folder: DefaultFolder<'_>) -> anyhow::Result<bool> {
        let data_dir = self.place.data_dir(default_folder)?;
        let source = Source::open(&data_dir, Purpose::Dump)?;
        let failed = || format!("cannot read the log in {}", data_dir.display());
        // A queue's definition may stand behind its messages, once it was written again.
        let mut collect = Collect(Names::default());
        scan(&source.files, &mut collect).with_context(failed)?;
        let names = collect.0;
        let only = self.queue.as_deref().map(|queue| owners_named(&names, queue)).transpose()?;
        let mut printer = Printer {
            show: Show { names: &names, bodies: self.bodies },
            kinds: &self.kind,
            only,
            json: self.json,
            out: BufWriter::new(io::stdout().lock()),
            failure: None,
            is_damaged: false,
        };
        let found = scan(&source.files, &mut printer).with_context(failed)?;
        let Printer { mut out, failure, is_damaged, .. } = printer;
        failure.map_or_else(|| out.flush(), Err).or_else(ended).context("cannot print")?;
        source.finish(found.bytes, is_damaged)?;
        Ok(!is_damaged)
    }
}

/// Whoever reads wants no more: that is no failure, and the rest need not be read.
fn ended(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Err(error)
}

/// The owners that are queues of a name.
fn owners_named(names: &Names, queue: &str) -> anyhow::Result<BTreeSet<u64>> {
    let is_it = |named: &Named| matches!(named, Named::Queue { name, .. } if **name == *queue);
    let found: BTreeSet<u64> =
        names.iter().filter(|(_, named)| is_it(named)).map(|(owner, _)| owner).collect();
    ensure!(!found.is_empty(), "no durable queue {queue:?} was ever defined in this log");
    Ok(found)
}

/// Finds everything that was ever defined.
struct Collect(Names);

impl Visitor for Collect {
    fn record(&mut self, _at: &RecordAt<'_>, record: &Record<'_>) {
        if let Record::Content { sequence, owners, payload, .. } = record
            && owners.iter().any(|owner| owner == DEFINITIONS)
            && let Ok(definition) = Definition::decode(payload)
        {
            self.0.define(*sequence, &definition);
        }
    }

    fn damage(&mut self, _damage: Damage) {}
}

/// Prints what is wanted.
struct Printer<'n> {
    show: Show<'n>,
    /// Empty: all.
    kinds: &'n [Kind],
    only: Option<BTreeSet<u64>>,
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
    failure: Option<io::Error>,
    is_damaged: bool,
}

impl Printer<'_> {
    fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn is_of(&self, owner: u64) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&owner))
    }

    fn is_of_any(&self, owners: Owners<'_>) -> bool {
        self.only.is_none() || owners.iter().any(|owner| self.is_of(owner))
    }

    fn has_any(&self, ranges: Ranges<'_>) -> bool {
        let has = |only: &BTreeSet<u64>| {
            ranges.iter().any(|(first, last)| only.range(first..=last).next().is_some())
        };
        self.only.as_ref().is_none_or(has)
    }

    fn print(&mut self, file: &str, offset: u64, kind: Kind, fields: Fields) {
        if self.failure.is_some() {
            return;
        }
        let line = Line { file, offset, kind: kind.name(), fields };
        let text = if self.json { line.json() } else { Ok(line.text()) };
        let printed = text.map_err(io::Error::from).and_then(|text| writeln!(self.out, "{text}"));
        self.failure = printed.or_else(ended).err();
    }

    fn content(&mut self, at: &RecordAt<'_>, sequence: u64, owners: Owners<'_>, payload: &[u8]) {
        let is_definition = owners.iter().any(|owner| owner == DEFINITIONS);
        let (kind, is_wanted) = match is_definition {
            true => (Kind::Definition, self.is_of(sequence)),
            false => (Kind::Message, self.is_of_any(owners)),
        };
        if !is_wanted || !self.wants(kind) {
            return;
        }
        let mut fields = vec![("sequence", Value::Number(sequence))];
        if is_definition {
            fields.extend(record::definition(payload));
        } else {
            let owners = owners.iter().map(|owner| self.show.owner(owner)).collect();
            fields.push(("owners", Value::List(owners)));
            fields.extend(self.show.message(payload));
        }
        self.print(at.file, at.offset, kind, fields);
    }

    fn release(&mut self, at: &RecordAt<'_>, owner: u64, ranges: Ranges<'_>) {
        let is_wanted = match owner {
            DEFINITIONS => self.has_any(ranges),
            owner => self.is_of(owner),
        };
        if !is_wanted || !self.wants(Kind::Release) {
            return;
        }
        let range = |(first, last): (u64, u64)| match first == last {
            true => Value::Text(first.to_string()),
            false => Value::Text(format!("{first}-{last}")),
        };
        let ranges = Value::List(ranges.iter().map(range).collect());
        let fields = vec![("owner", self.show.owner(owner)), ("sequences", ranges)];
        self.print(at.file, at.offset, Kind::Release, fields);
    }

    fn note(&mut self, at: &RecordAt<'_>, owner: u64, sequence: u64, note: &[u8]) {
        if self.is_of(owner) && self.wants(Kind::Note) {
            let owner = self.show.owner(owner);
            let mut fields = vec![("sequence", Value::Number(sequence)), ("owner", owner)];
            fields.extend(record::note(note));
            self.print(at.file, at.offset, Kind::Note, fields);
        }
    }

    fn flaw(&mut self, kind: Kind, damage: Damage) {
        if self.wants(kind) {
            let Damage { file, offset, len, what } = damage;
            let fields =
                vec![("bytes", Value::Number(len)), ("what", Value::Text(what.to_owned()))];
            self.print(&file, offset, kind, fields);
        }
    }
}

impl Visitor for Printer<'_> {
    fn batch(&mut self, batch: &BatchAt<'_>) {
        if self.only.is_none() && self.wants(Kind::Batch) {
            let fields = vec![
                ("number", Value::Number(batch.number)),
                ("bytes", Value::Number(batch.len)),
                ("flushed", Value::Number(batch.flushed)),
                ("of_the_log", Value::Flag(batch.is_system)),
            ];
            self.print(batch.file, batch.offset, Kind::Batch, fields);
        }
    }

    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        match *record {
            Record::Content { sequence, owners, payload, .. } => {
                self.content(at, sequence, owners, payload);
            }
            Record::Release { owner, ranges, .. } => self.release(at, owner, ranges),
            Record::Note { owner, sequence, note, .. } => self.note(at, owner, sequence, note),
            Record::Dropped { segment } if self.only.is_none() && self.wants(Kind::Dropped) => {
                let fields = vec![("segment", Value::Number(segment))];
                self.print(at.file, at.offset, Kind::Dropped, fields);
            }
            Record::Stopped if self.only.is_none() && self.wants(Kind::Stopped) => {
                self.print(at.file, at.offset, Kind::Stopped, Vec::new());
            }
            Record::Dropped { .. } | Record::Stopped => {}
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.is_damaged = true;
        self.flaw(Kind::Damage, damage);
    }

    fn cut(&mut self, cut: Damage) {
        self.flaw(Kind::Cut, cut);
    }
}
