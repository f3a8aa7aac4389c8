//! What the closing lines of tests say, added up, and which seeds are next.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// What stands before the seed to go on with.
const NEXT_SEED: &str = "; next seed ";

/// Sums by what they count, such as `confirmed`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Adds the numbers of the closing lines in what a test printed, and returns the highest seed they name as the next.
    pub(super) fn add(&mut self, printed: &str) -> Option<u64> {
        let mut next = None;
        for line in printed.lines() {
            let Some((counts, seed)) = line.split_once(NEXT_SEED) else { continue };
            next = next.max(seed.trim().parse::<u64>().ok());
            let counts = counts.split_once(": ").map_or(counts, |(_, counts)| counts);
            for part in counts.split([',', '(', ')', ';']) {
                let mut words = part.split_whitespace();
                if let Some(Ok(number)) = words.next().map(str::parse::<u64>)
                    && let Some(what) = words.next()
                {
                    *self.0.entry(what.to_owned()).or_default() += number;
                }
            }
        }
        next
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            self.0.iter().map(|(what, sum)| format!("{sum} {what}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// The next seed of each test, kept in a file with a line for each.
#[derive(Debug)]
pub(super) struct Seeds {
    path: PathBuf,
    seeds: BTreeMap<String, u64>,
    /// Where tests begin that are not in the file.
    first: u64,
}

impl Seeds {
    /// Reads what an earlier run left, unless this one begins with a seed of its own.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(super) fn read(path: &Path, first: Option<u64>) -> anyhow::Result<Self> {
        let mut seeds = BTreeMap::new();
        if first.is_none() && path.exists() {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let line = |line: &str| {
                let (name, seed) = line.split_once(' ')?;
                Some((name.to_owned(), seed.parse().ok()?))
            };
            seeds = text.lines().filter_map(line).collect();
        }
        Ok(Self { path: path.to_owned(), seeds, first: first.unwrap_or(1) })
    }

    pub(super) fn next(&self, name: &str) -> u64 {
        self.seeds.get(name).copied().unwrap_or(self.first)
    }

    /// Remembers where to go on.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub(super) fn set(&mut self, name: &str, next: u64) -> anyhow::Result<()> {
        self.seeds.insert(name.to_owned(), next);
        let lines = self.seeds.iter().map(|(name, seed)| format!("{name} {seed}\n"));
        let text: String = lines.collect();
        fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        let printed = "running 1 test\ncounts: 100 kills in 50 s, slowest start 9 ms, 80 delivered (7 redelivered), \
                       0 lost; next seed 11\ntest crashes: 5000 states, seeds 1 to 4; next seed 5\n9 bottles";
        assert_eq!(tally.add(printed), Some(11));
        assert_eq!(tally.add("counts: 1 kills, 2 lost; next seed 12"), Some(12));
        assert_eq!(
            tally.to_string(),
            "80 delivered, 101 kills, 2 lost, 7 redelivered, 5000 states"
        );
        assert_eq!(tally.add("nothing to see"), None);
    }

    #[test]
    fn the_next_run_goes_on_where_the_last_one_ended() {
        let path = std::env::temp_dir().join(format!("pillarbox-seeds-{}", std::process::id()));
        let mut seeds = Seeds::read(&path, None).unwrap();
        assert_eq!(seeds.next("kills"), 1);
        seeds.set("kills", 11).unwrap();
        seeds.set("cuts", 3).unwrap();
        let seeds = Seeds::read(&path, None).unwrap();
        assert_eq!((seeds.next("kills"), seeds.next("cuts"), seeds.next("new")), (11, 3, 1));
        assert_eq!(Seeds::read(&path, Some(70)).unwrap().next("kills"), 70);
        fs::remove_file(path).unwrap();
    }
}
