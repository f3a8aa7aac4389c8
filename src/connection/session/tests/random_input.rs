//! Inputs cut anywhere have the same outcome, and no bytes make a session panic.

use proptest::{collection::vec, prelude::*};

use super::script::ScriptedClient;

/// What a client does next, as a line of a script.
fn line() -> impl Strategy<Value = String> {
    let channel = 1..4_u16;
    let action = prop_oneof![
        8 => (0..3_u16, 0..70_usize).prop_map(|(queue, len)| {
            format!("basic.publish \"\" q{queue} \"{}\" mandatory", "x".repeat(len))
        }),
        2 => (0..2_u16, 0..5000_usize).prop_map(|(queue, len)| {
            format!("basic.publish \"\" q{queue} octets={len} persistent")
        }),
        1 => Just("basic.publish \"\" q1 \"copied\" CC=q0,q2 BCC=full".to_owned()),
        1 => Just("basic.publish \"\" q1 \"late\" expiration=soon".to_owned()),
        1 => Just("basic.publish nowhere q1 \"lost\"".to_owned()),
        2 => Just("basic.publish \"\" full \"refused\"".to_owned()),
        2 => (0..2_u16).prop_map(|queue| format!("queue.declare q{queue}")),
        2 => (0..2_u16).prop_map(|queue| format!("basic.get q{queue}")),
        2 => (1..4_u64).prop_map(|tag| format!("basic.ack {tag} multiple")),
        1 => Just("confirm.select".to_owned()),
        1 => Just("tx.select".to_owned()),
        1 => Just("tx.commit".to_owned()),
        1 => Just("tx.rollback".to_owned()),
        1 => Just("basic.qos 9".to_owned()),
        1 => Just("basic.recover requeue".to_owned()),
        1 => (0..2_u16).prop_map(|queue| format!("basic.consume q{queue} \"\" no-ack")),
        1 => (0..2_u16).prop_map(|queue| format!("queue.bind q{queue} logs k")),
        1 => (0..2_u16).prop_map(|queue| format!("queue.delete q{queue}")),
        2 => Just("channel.open".to_owned()),
        1 => Just("channel.close".to_owned()),
        2 => Just("channel.close-ok".to_owned()),
        1 => (1..3_u16).prop_map(|size| format!("header {size}")),
        1 => Just("body x".to_owned()),
        1 => Just("heartbeat".to_owned()),
    ];
    (channel, action).prop_map(|(channel, action)| format!("{channel}: {action}"))
}

/// What a client does that has something to wait for.
fn durable_line() -> impl Strategy<Value = String> {
    let channel = 1..4_u16;
    let action = prop_oneof![
        6 => (0..3_u16).prop_map(|queue| format!("basic.publish \"\" q{queue} \"x\" persistent")),
        3 => (0..3_u16).prop_map(|queue| format!("basic.publish \"\" q{queue} \"x\" mandatory")),
        2 => Just("basic.publish \"\" full \"refused\" persistent".to_owned()),
        2 => (0..3_u16).prop_map(|queue| format!("basic.publish \"\" q{queue} \"unwanted\"")),
        1 => (0..2_u16).prop_map(|queue| format!("queue.declare q{queue}")),
        1 => (0..2_u16).prop_map(|queue| format!("queue.declare q{queue} passive")),
        1 => (0..2_u16).prop_map(|queue| format!("queue.purge q{queue}")),
        1 => Just("basic.qos 9".to_owned()),
        1 => (0..2_u16).prop_map(|queue| format!("basic.get q{queue}")),
    ];
    (channel, action).prop_map(|(channel, action)| format!("{channel}: {action}"))
}

/// What else it does, but for agreeing to a close that it may not have got yet, with which that is dropped.
fn other_line() -> impl Strategy<Value = String> {
    line().prop_filter("no client does", |line| !line.ends_with("channel.close-ok"))
}

/// Two channels in confirm mode and one in a transaction.
const DURABLE_START: [&str; 6] = [
    "1: queue.declare q0",
    "1: queue.declare q1",
    "1: confirm.select",
    "2: confirm.select",
    "3: channel.open",
    "3: tx.select",
];

/// What a session did: what it asked, replied and returned, each channel for itself, and which publishes it confirmed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    asked: Vec<String>,
    replies: Vec<String>,
    returns: Vec<String>,
    confirmed: Vec<String>,
}

impl Outcome {
    /// How publishes are put together in runs and confirms depends on the pieces that they come in.
    fn of(client: &mut ScriptedClient) -> Self {
        let mut log = client.take_log();
        let last = log.pop_if(|line| line.starts_with("next: "));
        log.retain(|line| !line.starts_with("next: ") && !line.contains("is logged at"));
        log.extend(last.filter(|next| !next.contains("Flush")));
        log.sort_by_key(|line| line.split_once(':').map_or(0, |(n, _)| n.parse().unwrap_or(0)));
        let (asked, sent): (Vec<_>, Vec<_>) = log.into_iter().partition(|line| line.contains('⇒'));
        let is_confirm = |line: &String| line.contains("basic.ack") || line.contains("basic.nack");
        let sent = sent.into_iter().filter(|line| !is_confirm(line));
        let (returns, replies) = sent.partition(|line| line.contains("basic.return"));
        let mut confirmed = std::mem::take(&mut client.broker().confirmed);
        confirmed.sort();
        Self { asked, replies, returns, confirmed }
    }

    /// Those lines that begin so.
    fn lines<'a>(lines: &'a [String], prefix: &str) -> Vec<&'a String> {
        lines.iter().filter(|line| line.starts_with(prefix)).collect()
    }

    /// Checks that a log which takes its time delays replies and confirms, and nothing else.
    fn check_delayed(&self, prompt: &Self) {
        assert_eq!(self.asked, prompt.asked);
        assert_eq!(self.returns, prompt.returns);
        let has_failed = prompt.replies.iter().any(|line| line.contains("→ connection.close "));
        for channel in 0..4 {
            let of = |lines| Self::lines(lines, &format!("{channel}: "));
            let (replies, prompt_replies) = (of(&self.replies), of(&prompt.replies));
            let (confirmed, prompt_confirmed) = (of(&self.confirmed), of(&prompt.confirmed));
            let is_closed = prompt_replies.iter().any(|line| line.contains("→ channel.close "));
            if has_failed && channel != 0 {
                assert!(prompt_replies.starts_with(&replies), "{prompt_replies:?}: {replies:?}");
            } else {
                assert_eq!(replies, prompt_replies);
            }
            if has_failed || is_closed {
                assert!(confirmed.iter().all(|line| prompt_confirmed.contains(line)));
            } else {
                assert_eq!(confirmed, prompt_confirmed);
            }
        }
    }
}

/// What a session does with an input that comes in these pieces.
fn outcome(input: &[u8], pieces: &[usize]) -> Outcome {
    let mut client = ScriptedClient::new();
    client.open();
    let mut rest = input;
    for &piece in pieces {
        let (piece, after) = rest.split_at(piece.min(rest.len()));
        client.feed(piece);
        rest = after;
    }
    client.feed(rest);
    Outcome::of(&mut client)
}

/// The same, with a log that is flushed so many positions further behind some of the pieces.
fn delayed_outcome(input: &[u8], pieces: &[(usize, Option<u64>)]) -> Outcome {
    let mut client = ScriptedClient::new();
    client.open();
    client.broker().disk.is_held = true;
    let (mut rest, mut flushed) = (input, 0);
    for &(piece, further) in pieces {
        let (piece, after) = rest.split_at(piece.min(rest.len()));
        client.feed(piece);
        rest = after;
        if let Some(further) = further {
            flushed = client.broker().disk.flush(Some(flushed)).0 + further;
            client.flush_log(Some(flushed));
        }
    }
    client.feed(rest);
    client.flush_log_for_good();
    assert!(client.broker().has_confirmed_all());
    Outcome::of(&mut client)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn pieces_do_not_matter(
        lines in vec(line(), 1..40),
        pieces in vec(prop_oneof![Just(1), 1..20_usize, 1..2000_usize], 0..60),
        flip in proptest::option::weighted(0.3, any::<(prop::sample::Index, u8)>()),
    ) {
        let mut input = Vec::new();
        for line in &lines {
            input.extend(ScriptedClient::encode(line));
        }
        if let Some((at, bits)) = flip {
            let at = at.index(input.len());
            input[at] ^= bits;
        }
        prop_assert_eq!(outcome(&input, &[]), outcome(&input, &pieces));
    }

    #[test]
    fn a_log_that_takes_its_time_changes_only_when_things_are_told(
        lines in vec(
            prop_oneof![20 => durable_line(), 2 => Just("3: tx.commit".to_owned()), 2 => other_line()],
            1..60,
        ),
        pieces in vec(
            (prop_oneof![1..20_usize, 1..2000_usize], proptest::option::of(0..4_u64)),
            0..60,
        ),
        closes: bool,
    ) {
        let close = closes.then(|| "0: connection.close".to_owned());
        let lines = lines.iter().chain(&close).map(String::as_str);
        let input: Vec<u8> =
            DURABLE_START.into_iter().chain(lines).flat_map(ScriptedClient::encode).collect();
        delayed_outcome(&input, &pieces).check_delayed(&outcome(&input, &[]));
    }

    #[test]
    fn no_bytes_make_it_panic(
        input in vec(prop_oneof![Just(0), Just(0xCE), 1..4_u8, any::<u8>()], 0..300),
        is_open: bool,
    ) {
        let mut client = ScriptedClient::new();
        if is_open {
            client.open();
        }
        client.feed(&input);
    }
}
