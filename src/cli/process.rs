//! What a process has used, as Linux tells it under `/proc`.

use std::{fs, time::Duration};

use anyhow::Context;

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux, whatever the kernel's own tick.
const TICKS_PER_SEC: u32 = 100;

/// CPU time, user and system together.
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_cpu_time(&stat).with_context(|| format!("cannot understand {path}"))
}

/// Resident memory in bytes.
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_resident_bytes(&status).with_context(|| format!("cannot understand {path}"))
}

fn parse_cpu_time(stat: &str) -> Option<Duration> {
    // The name may contain anything, even spaces and parentheses.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs(1) * user.checked_add(system)? / TICKS_PER_SEC)
}

fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_and_status() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 99 1000 25";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_resident_bytes("Name:\tx\nVmRSS:\t  12 kB\n"), Some(12_288));
        assert_eq!(parse_resident_bytes("Name:\tx\n"), None);
    }
}
