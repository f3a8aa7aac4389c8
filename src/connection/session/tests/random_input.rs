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
        2 => Just("channel.open".to_owned()),
        1 => Just("channel.close".to_owned()),
        2 => Just("channel.close-ok".to_owned()),
        1 => (1..3_u16).prop_map(|size| format!("header {size}")),
        1 => Just("body x".to_owned()),
        1 => Just("heartbeat".to_owned()),
    ];
    (channel, action).prop_map(|(channel, action)| format!("{channel}: {action}"))
}

/// What a session does with an input that comes in these pieces: what it asks, what it sends, and what it confirms.
fn outcome(input: &[u8], pieces: &[usize]) -> [Vec<String>; 3] {
    let mut client = ScriptedClient::new();
    client.open();
    let mut rest = input;
    for &piece in pieces {
        let (piece, after) = rest.split_at(piece.min(rest.len()));
        client.feed(piece);
        rest = after;
    }
    client.feed(rest);
    let mut log = client.take_log();
    let last = log.pop_if(|line| line.starts_with("next: "));
    log.retain(|line| !line.starts_with("next: "));
    log.extend(last);
    // How many messages a run has depends on the pieces, and so when their returns go out; channels are independent.
    log.sort_by_key(|line| line.split_once(':').map_or(0, |(n, _)| n.parse().unwrap_or(0)));
    let (asked, sent): (Vec<_>, Vec<_>) = log.into_iter().partition(|line| line.contains('⇒'));
    let is_confirm = |line: &String| line.contains("basic.ack") || line.contains("basic.nack");
    let (confirms, replies): (Vec<_>, Vec<_>) = sent.into_iter().partition(is_confirm);
    [asked, replies, single_confirms(&confirms)]
}

/// What the confirms say of each publish: how they are put together depends on the pieces.
fn single_confirms(confirms: &[String]) -> Vec<String> {
    let mut told = std::collections::BTreeMap::<&str, u64>::new();
    let mut singles = Vec::new();
    for line in confirms {
        let mut words = line.split(' ');
        let (channel, _, kind) = (words.next(), words.next(), words.next());
        let (channel, kind) = (channel.unwrap(), kind.unwrap());
        let tag = words.next().unwrap().parse().unwrap();
        let before = told.insert(channel, tag).filter(|before| *before < tag).unwrap_or(0);
        singles.extend((before + 1..=tag).map(|tag| format!("{channel} {kind} {tag}")));
    }
    singles.sort();
    singles
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
