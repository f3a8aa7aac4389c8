//! What a check has found, as a text.

use std::io::{self, Write};
use std::path::PathBuf;

use store::{Damage, Survey};

use super::names::{Kind, Named, Names};

/// What a check has found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) data_dir: PathBuf,
    pub(super) is_running: bool,
    pub(super) survey: Survey,
    pub(super) batches: u64,
    /// What is defined in the end.
    pub(super) names: Names,
    /// The first ones.
    pub(super) faults: Vec<Fault>,
    pub(super) fault_count: u64,
    pub(super) cut: Option<Damage>,
}

/// Something that is wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) damage: Damage,
    /// Why it cannot be understood.
    pub(super) why: Option<String>,
    /// What it hits, as far as that can be known.
    pub(super) hits: Vec<Hit>,
}

/// What damage hits.
#[derive(Debug)]
pub(super) enum Hit {
    /// A message or a definition.
    Content { sequence: u64, owners: Vec<u64> },
    /// What somebody noted of a message.
    Note { owner: u64, sequence: u64 },
    /// Which messages somebody had no more.
    Release { owner: u64 },
    /// What the log writes for itself.
    OfTheLog,
}

impl Report {
    pub(super) fn write(&self, out: &mut impl Write, with_queues: bool) -> io::Result<()> {
        let Self { survey, cut, .. } = self;
        let scan = &survey.scan;
        writeln!(out, "the log in {}", self.data_dir.display())?;
        if self.is_running {
            writeln!(
                out,
                "  a broker runs on it: this is what it had flushed when the check began"
            )?;
        }
        writeln!(out, "  segments     {}", scan.segments)?;
        writeln!(out, "  batches      {}", self.batches)?;
        writeln!(out, "  bytes        {}", scan.bytes)?;
        writeln!(out, "  contents     {} live", survey.contents)?;
        writeln!(out, "  definitions  {}", self.definitions())?;
        writeln!(out, "  messages     {}", self.messages())?;
        writeln!(out, "  notes        {}", survey.notes.len())?;
        let closed = match (scan.was_closed, self.is_running) {
            (true, _) => "in order",
            (false, true) => "not yet",
            (false, false) => {
                "not in order: the broker was killed, the power went, or it ran as this was copied"
            }
        };
        writeln!(out, "  closed       {closed}")?;
        match cut {
            Some(cut) => writeln!(out, "  cut          {cut}")?,
            None => writeln!(out, "  cut          nothing")?,
        }
        if with_queues {
            self.write_queues(out)?;
        }
        self.write_faults(out)
    }

    fn definitions(&self) -> String {
        let all = || self.names.iter().map(|(_, named)| named);
        let queues = all().filter(|named| matches!(named, Named::Queue { .. })).count() as u64;
        let exchanges =
            all().filter(|named| matches!(named, Named::Exchange { .. })).count() as u64;
        let count = |kind| self.names.count(kind);
        let mut counts = vec![
            counted(queues, "queue"),
            counted(exchanges, "exchange"),
            counted(count(Kind::Binding), "binding"),
            counted(count(Kind::User), "user"),
            counted(count(Kind::Permission), "permission"),
            counted(count(Kind::Vhost), "vhost"),
        ];
        // What few have.
        for (kind, name) in [
            (Kind::TopicPermission, "topic permission"),
            (Kind::Limits, "limit"),
            (Kind::Policy, "policy"),
            (Kind::Parameter, "parameter"),
        ] {
            counts.extend(Some(count(kind)).filter(|&n| n > 0).map(|n| counted(n, name)));
        }
        counts.join(", ")
    }

    fn messages(&self) -> String {
        let (mut queued, mut held) = (0, 0);
        for (owner, named) in self.names.iter() {
            let owned = self.owned(owner);
            match named {
                Named::Queue { .. } => queued += owned,
                Named::Exchange { .. } => held += owned,
                Named::Other(_) => {}
            }
        }
        match held {
            0 => format!("{queued} in durable queues"),
            held => format!("{queued} in durable queues, {held} held back by exchanges"),
        }
    }

    fn owned(&self, owner: u64) -> u64 {
        self.survey.owned.get(&owner).copied().unwrap_or(0)
    }

    fn write_queues(&self, out: &mut impl Write) -> io::Result<()> {
        for (owner, named) in self.names.iter() {
            if let Named::Queue { .. } = named {
                let messages = counted(self.owned(owner), "message");
                writeln!(out, "  {}: {messages}", self.names.describe(owner))?;
            }
        }
        Ok(())
    }

    fn write_faults(&self, out: &mut impl Write) -> io::Result<()> {
        if self.fault_count == 0 {
            return writeln!(out, "sound");
        }
        writeln!(out, "damaged in {}:", counted(self.fault_count, "place"))?;
        for Fault { damage, why, hits } in &self.faults {
            write!(out, "  {damage}")?;
            match why {
                Some(why) => writeln!(out, ": {}", why.escape_debug())?,
                None => writeln!(out)?,
            }
            for hit in hits {
                writeln!(out, "    hits {}", self.describe(hit))?;
            }
            if hits.is_empty() && damage.len > 0 {
                writeln!(out, "    what it hits cannot be known")?;
            }
        }
        let untold = self.fault_count - self.faults.len() as u64;
        if untold > 0 {
            writeln!(out, "  and {}", counted(untold, "further place"))?;
        }
        Ok(())
    }

    fn describe(&self, hit: &Hit) -> String {
        match hit {
            Hit::Content { sequence, owners } if owners.contains(&super::names::DEFINITIONS) => {
                match self.names.get(*sequence) {
                    Some(_) => format!("the definition of {}", self.names.describe(*sequence)),
                    None => format!("definition {sequence}"),
                }
            }
            Hit::Content { sequence, owners } => {
                let owners: Vec<String> =
                    owners.iter().map(|owner| self.names.describe(*owner)).collect();
                format!("message {sequence} of {}", owners.join(", "))
            }
            Hit::Note { owner, sequence } => {
                format!("a note on message {sequence} of {}", self.names.describe(*owner))
            }
            Hit::Release { owner } => {
                format!("what {} has no more: it may come back", self.names.describe(*owner))
            }
            Hit::OfTheLog => "a record of the log's own".to_owned(),
        }
    }
}

fn counted(count: u64, what: &str) -> String {
    match what.strip_suffix('y') {
        _ if count == 1 => format!("{count} {what}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amqp::FieldTable;
    use broker::policy::{ApplyTo, Policy, PolicyKind};
    use broker::record::{Definition, DurableQueue, LimitsDefinition, PolicyDefinition};

    fn report() -> Report {
        let mut names = Names::default();
        let queue = DurableQueue {
            vhost: "/".into(),
            name: "or\u{1b}ders".into(),
            auto_delete: false,
            arguments: amqp::FieldTable::new(),
        };
        names.define(7, &Definition::Queue(queue));
        names.define(8, &Definition::Vhost(broker::VhostName::from("/").into()));
        let mut survey = Survey { contents: 5, ..Survey::default() };
        survey.owned.extend([(0, 2), (7, 3)]);
        Report {
            data_dir: "data".into(),
            is_running: false,
            survey,
            batches: 4,
            names,
            faults: Vec::new(),
            fault_count: 0,
            cut: None,
        }
    }

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        report.write(&mut out, true).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_sound_log_is_counted() {
        let text = text(&report());
        assert!(text.contains("3 in durable queues\n"), "{text}");
        assert!(text.contains("1 queue, 0 exchanges, 0 bindings, 0 users, 0 permissions, 1 vhost"));
        assert!(text.contains("queue \"or\\u{1b}ders\" in vhost \"/\": 3 messages\n"), "{text}");
        assert!(text.ends_with("sound\n"));
    }

    #[test]
    fn what_few_have_is_counted_where_it_is() {
        let mut report = report();
        let limits = broker::limits::Limits::default();
        let of_vhost = LimitsDefinition { owner: "/".into(), limits };
        report.names.define(9, &Definition::VhostLimits(of_vhost));
        assert!(report.definitions().ends_with("1 vhost, 1 limit"), "{}", report.definitions());
        for (id, name) in [(10, "p"), (11, "o")] {
            let policy = Policy::restored((name.into(), ""), ApplyTo::All, 0, FieldTable::new());
            let (policy, kind) = (policy.unwrap(), PolicyKind::User);
            let policy = PolicyDefinition { vhost: "/".into(), kind, policy };
            report.names.define(id, &Definition::Policy(policy));
        }
        report.names.define(12, &Definition::ClusterName("c".into()));
        assert!(report.definitions().ends_with("1 limit, 2 policies, 1 parameter"));
    }

    #[test]
    fn damage_says_where_it_is_and_what_it_hits() {
        let mut report = report();
        let damage = Damage { file: "1.seg".to_owned(), offset: 64, len: 128, what: "bad" };
        let hits = vec![
            Hit::Content { sequence: 9, owners: vec![7, 12] },
            Hit::Content { sequence: 7, owners: vec![0] },
            Hit::Release { owner: 7 },
        ];
        report.faults = vec![Fault { damage, why: None, hits }];
        report.fault_count = 2;
        let text = text(&report);
        assert!(text.contains("damaged in 2 places:\n  1.seg: 128 bytes at offset 64: bad\n"));
        let queue = "queue \"or\\u{1b}ders\" in vhost \"/\"";
        assert!(text.contains(&format!("message 9 of {queue}, owner 12, who is not defined\n")));
        assert!(text.contains(&format!("hits the definition of {queue}\n")));
        assert!(text.contains("has no more: it may come back\n  and 1 further place\n"));
        assert!(!text.contains('\u{1b}'));
    }
}
