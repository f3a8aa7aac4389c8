//! How long things take and how large they are, as Prometheus' histograms.
//!
//! ```text
//! name_bucket{le="0.004"} 3     how many took no longer than that
//! name_bucket{le="+Inf"} 4      all of them
//! name_sum 0.25
//! name_count 4
//! ```

use server::admin::{LogInfo, SpreadCounts};

use super::exposition::{Exposition, write_line};

/// One value of a histogram with these labels. Values are counted in units of which there are `per_unit` in the one that is
/// shown.
pub(super) fn write(
    text: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    (counts, per_unit): (&SpreadCounts, f64),
) {
    let bucket = format!("{name}_bucket");
    let up_to = counts.up_to().map(|(value, count)| ((shown(value) / per_unit).to_string(), count));
    for (limit, count) in up_to.chain([("+Inf".to_owned(), counts.count())]) {
        let limit = ("le", limit.as_str());
        let labelled: Vec<_> = labels.iter().copied().chain([limit]).collect();
        write_line(text, &bucket, &labelled, count);
    }
    write_line(text, &format!("{name}_sum"), labels, shown(counts.sum) / per_unit);
    write_line(text, &format!("{name}_count"), labels, counts.count());
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus keeps all numbers so")]
fn shown(value: u64) -> f64 {
    value as f64
}

/// What the log's thread has done.
pub(super) fn write_log(out: &mut Exposition, log: &LogInfo) {
    for (name, help, counts) in [
        ("flush_seconds", "How long each flush took", (&log.flush_times, 1e6)),
        ("batch_messages", "Messages and definitions in each batch", (&log.batch_messages, 1.0)),
        ("batch_bytes", "Bytes in each batch", (&log.batch_bytes, 1.0)),
    ] {
        let name = format!("pillarbox_log_{name}");
        out.family(&name, "histogram", help);
        write(out.text_mut(), &name, &[], counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_all_below_them() {
        let mut counts = SpreadCounts::default();
        counts.add(3, 2);
        counts.add(1_000_000, 1);
        counts.add(u64::MAX, 1);
        let mut text = String::new();
        write(&mut text, "a_seconds", &[("queue", "q")], (&counts, 1e3));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 13 + 3);
        assert_eq!(lines[0], r#"a_seconds_bucket{queue="q",le="0.001"} 0"#);
        assert_eq!(lines[1], r#"a_seconds_bucket{queue="q",le="0.004"} 2"#);
        assert_eq!(lines[10], r#"a_seconds_bucket{queue="q",le="1048.576"} 3"#);
        assert_eq!(lines[12], r#"a_seconds_bucket{queue="q",le="16777.216"} 3"#);
        assert_eq!(lines[13], r#"a_seconds_bucket{queue="q",le="+Inf"} 4"#);
        assert!(lines[14].starts_with(r#"a_seconds_sum{queue="q"} "#));
        assert_eq!(lines[15], r#"a_seconds_count{queue="q"} 4"#);
        let mut text = String::new();
        write(&mut text, "b", &[], (&counts, 1.0));
        assert!(text.starts_with("b_bucket{le=\"1\"} 0\n") && text.ends_with("b_count 4\n"));
    }
}
