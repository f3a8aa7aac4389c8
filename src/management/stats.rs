//! Counts, rates and times as RabbitMQ writes them.

use broker::{Timestamp, VhostName};
use serde_json::{Map, Value, json};
use server::admin::{Admin, Counter, Gauge, MessageStats};

use crate::fields::{Fields, Wanted};

/// What is shown of the messages of a queue.
pub(crate) const OF_QUEUE: &[&str] = &[
    "ack",
    "deliver",
    "deliver_get",
    "deliver_no_ack",
    "get",
    "get_empty",
    "get_no_ack",
    "publish",
    "redeliver",
];

/// What is shown of the messages of a channel, or of all.
pub(crate) const OF_CHANNEL: &[&str] = &[
    "ack",
    "confirm",
    "deliver",
    "deliver_get",
    "deliver_no_ack",
    "drop_unroutable",
    "get",
    "get_empty",
    "get_no_ack",
    "publish",
    "redeliver",
    "return_unroutable",
];

/// What is shown of the messages of an exchange.
pub(crate) const OF_EXCHANGE: &[&str] = &["publish_in", "publish_out"];

/// Those of the counters, each with its rate.
pub(crate) fn message_stats(stats: &MessageStats, names: &[&str]) -> Value {
    let counters = [
        ("ack", stats.ack),
        ("confirm", stats.confirm),
        ("deliver", stats.deliver),
        ("deliver_get", stats.deliver_get),
        ("deliver_no_ack", stats.deliver_no_ack),
        ("drop_unroutable", stats.drop_unroutable),
        ("get", stats.get),
        ("get_empty", stats.get_empty),
        ("get_no_ack", stats.get_no_ack),
        ("publish", stats.publish),
        ("publish_in", stats.publish_in),
        ("publish_out", stats.publish_out),
        ("redeliver", stats.redeliver),
        ("return_unroutable", stats.return_unroutable),
    ];
    let mut shown = Map::new();
    for (name, counter) in counters {
        if names.contains(&name) {
            insert_counter(&mut shown, name, counter);
        }
    }
    Value::Object(shown)
}

/// `name`, and `name_details` with its rate.
pub(crate) fn insert_counter(shown: &mut Map<String, Value>, name: &str, counter: Counter) {
    shown.insert(name.to_owned(), counter.count.into());
    shown.insert(format!("{name}_details"), rate(counter.rate));
}

/// `name`, and `name_details` with by how much it changes.
pub(crate) fn insert_gauge(shown: &mut Map<String, Value>, name: &str, gauge: Gauge) {
    shown.insert(name.to_owned(), gauge.value.into());
    shown.insert(format!("{name}_details"), rate(gauge.rate));
}

/// A rate as the `_details` of a number show it.
pub(crate) fn rate(rate: f64) -> Value {
    json!({ "rate": (rate * 10.0).round() / 10.0 })
}

/// A field that grows, with its rate.
pub(crate) fn put_counter(
    fields: &mut Fields,
    wanted: &Wanted,
    (name, details): (&'static str, &'static str),
    counter: Counter,
) {
    fields.put(wanted, name, counter.count);
    fields.put_with(wanted, details, || rate(counter.rate));
}

/// A field that goes up and down, with its rate.
pub(crate) fn put_gauge(
    fields: &mut Fields,
    wanted: &Wanted,
    (name, details): (&'static str, &'static str),
    gauge: Gauge,
) {
    fields.put(wanted, name, gauge.value);
    fields.put_with(wanted, details, || rate(gauge.rate));
}

/// What the queues of a vhost hold, and what has happened there: looked at only if it is wanted.
pub(crate) fn put_totals_of_vhost(
    fields: &mut Fields,
    wanted: &Wanted,
    admin: &Admin,
    vhost: &VhostName,
) {
    const MESSAGES: [(&str, &str); 3] = [
        ("messages", "messages_details"),
        ("messages_ready", "messages_ready_details"),
        ("messages_unacknowledged", "messages_unacknowledged_details"),
    ];
    if !MESSAGES.iter().any(|(name, details)| wanted.has(name) || wanted.has(details)) {
        return;
    }
    let mut sums = [Gauge::default(); 3];
    for queue in admin.queues(Some(vhost)) {
        let messages = &queue.messages;
        let held = [messages.total, messages.ready, messages.unacked];
        for (sum, gauge) in sums.iter_mut().zip(held) {
            sum.value += gauge.value;
            sum.rate += gauge.rate;
        }
    }
    for (names, sum) in MESSAGES.into_iter().zip(sums) {
        put_gauge(fields, wanted, names, sum);
    }
}

/// A time as `2026-11-28T15:16:23.850+00:00`.
pub(crate) fn iso_8601(at: Timestamp) -> String {
    let (seconds, ms) = (at.0 / 1000, at.0 % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}+00:00")
}

/// The Gregorian date so many days after 1970-01-01. Years are counted from March, so that leap days come last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_ERA: u64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const DAYS_BEFORE: u64 = 719_468;
    let days = days.saturating_add(DAYS_BEFORE);
    let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (DAYS_OF_ERA - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000+00:00"),
            (951_826_154_321, "2000-02-29T12:09:14.321+00:00"),
            (1_795_878_983_850, "2026-11-28T15:16:23.850+00:00"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999+00:00"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000+00:00"),
            (1_709_251_199_000, "2024-02-29T23:59:59.000+00:00"),
        ] {
            assert_eq!(iso_8601(Timestamp(ms)), text);
        }
    }

    #[test]
    fn only_what_concerns_it_is_shown() {
        let publish_in = Counter { count: 7, rate: 1.26 };
        let stats = MessageStats { publish_in, ..MessageStats::default() };
        let expected = json!({
            "publish_in": 7, "publish_in_details": { "rate": 1.3 },
            "publish_out": 0, "publish_out_details": { "rate": 0.0 },
        });
        assert_eq!(message_stats(&stats, OF_EXCHANGE), expected);
        let shown = message_stats(&stats, OF_QUEUE);
        assert_eq!(shown.as_object().unwrap().len(), 2 * OF_QUEUE.len());
    }
}
