//! What a client can make a session hold while the log is not flushed.

use super::script::ScriptedClient;

/// How much the replies of a connection may take.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// Sends the lines to a session whose log is held, and returns how many were handled before it was read no more.
fn handled_until_full(client: &mut ScriptedClient, lines: &[String], told_by: &str) -> usize {
    client.feed(&lines.iter().flat_map(|line| ScriptedClient::encode(line)).collect::<Vec<_>>());
    let log = client.take_log();
    assert!(log.last().is_some_and(|next| next.starts_with("next: Flush")), "{:?}", log.last());
    assert!(!log.iter().any(|line| line.contains('→')), "something is sent");
    log.iter().filter(|line| line.contains(told_by)).count()
}

#[test]
fn a_client_is_not_read_on_when_its_replies_take_too_much() {
    let mut client = ScriptedClient::new();
    client.open();
    client.broker().disk.is_held = true;
    let lines: Vec<_> =
        (0..3000).map(|index| format!("{}: queue.declare {index:0>200}", index % 2 + 1)).collect();
    let reply_len = 8 + 4 + 201 + 8;
    // What has left does not count any more.
    for _ in 0..2 {
        let declared = handled_until_full(&mut client, &lines, "is logged at");
        assert_eq!(declared, HELD_BYTES_MAX.div_ceil(reply_len));
        client.flush_log_for_good();
        let log = client.take_log();
        for channel in 1..3 {
            let replies: Vec<_> =
                log.iter().filter(|line| line.starts_with(&format!("{channel}: →"))).collect();
            assert_eq!(replies.len(), 1500);
            assert!(replies.is_sorted(), "the replies of a channel are in order");
        }
    }
}

#[test]
fn a_close_that_is_held_is_not_answered_without_end() {
    let mut client = ScriptedClient::new();
    client.open();
    client.broker().disk.is_held = true;
    client.feed(&ScriptedClient::encode("1: queue.declare q"));
    client.feed(&ScriptedClient::encode("1: queue.declare nope passive"));
    client.take_log();
    let closes = vec!["1: channel.close".to_owned(); HELD_BYTES_MAX / 12 + 2];
    handled_until_full(&mut client, &closes, "");
    client.flush_log_for_good();
    let sent = client.take_log();
    assert_eq!(sent.len(), 2 + closes.len());
}
