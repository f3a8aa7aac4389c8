//! Numbers as people read them.

use serde_json::Value;

/// `1.5 MiB`
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = tenths.div_ceil(1024);
        unit += 1;
    }
    let name = UNITS[unit];
    if unit == 0 || tenths >= 1000 {
        return format!("{} {name}", tenths / 10);
    }
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `3 d 4 h`, of milliseconds.
pub(crate) fn duration(ms: u64) -> String {
    let secs = ms / 1000;
    match (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, secs) => format!("{secs} s"),
        (0, 0, minutes, secs) => format!("{minutes} min {secs} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

/// `12.5/s`
pub(crate) fn rate(rate: f64) -> String {
    if rate >= 100.0 { format!("{rate:.0}/s") } else { format!("{rate:.1}/s") }
}

/// `2GB`, `512MiB`, `512M` or a number of bytes, as RabbitMQ's tools take them.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" => 1,
        "k" | "kiB" | "KiB" | "K" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A value of JSON as a word: texts as they are, the rest as JSON.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>().join(","),
        Value::Object(object) if object.is_empty() => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 << 20, "150 MiB"),
            (u64::MAX, "1638 PiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (ms, text) in
            [(900, "0 s"), (61_000, "1 min 1 s"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")]
        {
            assert_eq!(duration(ms), text);
        }
        assert_eq!((rate(0.25).as_str(), rate(1234.4).as_str()), ("0.2/s", "1234/s"));
    }

    #[test]
    fn sizes_are_read_as_rabbitmq_reads_them() {
        for (text, bytes) in
            [("1", 1), ("2GB", 2_000_000_000), ("2G", 2 << 30), ("3MiB", 3 << 20), ("5kB", 5000)]
        {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for wrong in ["", "GB", "lots", "-1", "1.5GB", "2XB", "99999999999999999999", "99999999TiB"]
        {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }
}
