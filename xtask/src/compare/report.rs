//! What was measured, as Markdown tables or JSON.

use std::fmt;

use serde::Serialize;

/// All that was measured.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Of messages that need not outlive the broker, and of the broker itself.
    pub(super) figures: Vec<Row>,
    /// Of messages on the disk.
    pub(super) durable: Vec<Row>,
    /// Of what an operator asks.
    pub(super) operating: Vec<Row>,
}

/// One figure of both brokers, medians of all rounds.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) pillarbox: f64,
    pub(super) rabbitmq: Option<f64>,
    /// The median of the rounds' ratios, ours to theirs.
    pub(super) ratio: Option<f64>,
    pub(super) must: Must,
    /// `None` where RabbitMQ would be needed to tell.
    pub(super) is_met: Option<bool>,
}

/// What the figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Must {
    /// So many times RabbitMQ's, or more.
    RatioAtLeast(f64),
    /// So many times RabbitMQ's, or less.
    RatioAtMost(f64),
    AtLeast(f64),
    AtMost(f64),
    /// It stands there to judge others by.
    Nothing,
}

impl Row {
    /// Takes the medians of the rounds: ours, and theirs where there are any.
    pub(super) fn of(
        what: impl Into<String>,
        unit: &'static str,
        rounds: &[(f64, Option<f64>)],
        must: Must,
    ) -> Self {
        let pillarbox = median(rounds.iter().map(|round| round.0)).unwrap_or(f64::NAN);
        let rabbitmq = median(rounds.iter().filter_map(|round| round.1));
        let ratio = median(rounds.iter().filter_map(|&(ours, theirs)| Some(ours / theirs?)));
        let is_met = match must {
            Must::RatioAtLeast(bound) => ratio.map(|ratio| ratio >= bound),
            Must::RatioAtMost(bound) => ratio.map(|ratio| ratio <= bound),
            Must::AtLeast(bound) => Some(pillarbox >= bound),
            Must::AtMost(bound) => Some(pillarbox <= bound),
            Must::Nothing => None,
        };
        Self { what: what.into(), unit, pillarbox, rabbitmq, ratio, must, is_met }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The README holds each table between such marks.
        for (mark, rows) in [
            ("figures", &self.figures),
            ("durable figures", &self.durable),
            ("operating figures", &self.operating),
        ] {
            if !rows.is_empty() {
                writeln!(f, "<!-- {mark} -->")?;
                writeln!(f, "| | Pillarbox | RabbitMQ | ratio | must | |")?;
                writeln!(f, "|---|--:|--:|--:|--:|---|")?;
                rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
                writeln!(f, "<!-- /{mark} -->")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, pillarbox, rabbitmq, ratio, must, is_met } = self;
        let pillarbox = number(*pillarbox);
        let rabbitmq = rabbitmq.map_or("–".to_owned(), number);
        let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{}×", number(ratio)));
        let verdict = match is_met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        write!(f, "| {what}, {unit} | {pillarbox} | {rabbitmq} | {ratio} | {must} | {verdict} |")
    }
}

impl fmt::Display for Must {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtLeast(bound) => write!(f, "≥ {bound}×"),
            Self::RatioAtMost(bound) => write!(f, "≤ {bound}×"),
            Self::AtLeast(bound) => write!(f, "≥ {}", number(*bound)),
            Self::AtMost(bound) => write!(f, "≤ {}", number(*bound)),
            Self::Nothing => write!(f, "–"),
        }
    }
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len.is_multiple_of(2) => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

/// Three digits that matter, and a comma between each three before the point.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), ""), |(w, r)| (w, r));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_verdicts() {
        assert_eq!(median([].into_iter()), None);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        let rounds = [(40.0, Some(1.0)), (90.0, Some(2.0)), (10.0, Some(1.0))];
        let row = Row::of("16 B", "msg/s", &rounds, Must::RatioAtLeast(40.0));
        assert_eq!((row.pillarbox, row.rabbitmq, row.ratio), (40.0, Some(1.0), Some(40.0)));
        assert_eq!(row.is_met, Some(true));
        let alone = Row::of("16 B", "msg/s", &[(40.0, None)], Must::RatioAtLeast(40.0));
        assert_eq!(alone.is_met, None);
        let start = Row::of("start", "ms", &[(60.0, None)], Must::AtMost(50.0));
        assert_eq!(start.is_met, Some(false));
    }

    #[test]
    fn tables_stand_between_their_marks() {
        let row = Row::of("start", "ms", &[(60.0, None)], Must::AtMost(50.0));
        let report = Report { durable: vec![row], ..Report::default() };
        let expected = "<!-- durable figures -->\n\
                        | | Pillarbox | RabbitMQ | ratio | must | |\n\
                        |---|--:|--:|--:|--:|---|\n\
                        | start, ms | 60.0 | – | – | ≤ 50.0 | **missed** |\n\
                        <!-- /durable figures -->\n";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0456, 1.234, 12.34, 1234.5, 1_234_567.0, -1234.0].map(number);
        assert_eq!(texts, ["0.046", "1.23", "12.3", "1,234", "1,234,567", "-1,234"]);
    }
}
