//! Messages that come by another way than frames.

use std::sync::Arc;

use amqp::{Properties, ShortString};
use bytes::Bytes;

use super::fake_broker::FakeBroker;
use crate::{Broker as _, ChannelNumber, LoneMessage, PublishOutcome, publish_alone};

/// Publishes one, and says what the broker was asked and whether that is unroutable, or why it was not published.
fn publish(exchange: &str, key: &str, body: &str, properties: &Properties) -> String {
    let mut broker = FakeBroker::default();
    broker.open_channel(ChannelNumber::CONNECTION, &Arc::default());
    let mut outcome = PublishOutcome::default();
    let message = LoneMessage {
        exchange,
        routing_key: key.as_bytes(),
        properties: &properties.to_bytes(),
        body: &Bytes::from(body.to_owned()),
    };
    match publish_alone(&mut broker, 5, &message, &mut outcome) {
        Ok(()) => format!("{} unroutable={}", broker.log.join("; "), outcome.unroutable.len()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_lone_message_is_checked_as_a_clients_is() {
    let plain = Properties::default();
    let published = publish("", "q", "hello", &plain);
    assert_eq!(published, "0: ⇒ publish /q \"hello\" unroutable=1");
    let refused = publish("", "q", "hello!", &plain);
    assert_eq!(
        refused,
        "PRECONDITION_FAILED - message size 6 is larger than configured max size 5"
    );
    let refused = publish("internal", "q", "hello", &plain);
    assert!(refused.starts_with("ACCESS_REFUSED - cannot publish to internal"), "{refused}");
    let expiration = Some(ShortString::from_static("soon"));
    let refused = publish("", "q", "hello", &Properties { expiration, ..plain.clone() });
    assert_eq!(refused, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer");
    let user_id = Some(ShortString::from_static("somebody"));
    let refused = publish("", "q", "hello", &Properties { user_id, ..plain });
    assert!(refused.starts_with("PRECONDITION_FAILED - user_id property set to"), "{refused}");
}

#[test]
fn properties_that_are_none_are_refused() {
    let mut outcome = PublishOutcome::default();
    let (body, properties) = (Bytes::new(), &b"\x80\0\xff"[..]);
    let message = LoneMessage { exchange: "", routing_key: b"q", properties, body: &body };
    let refused = publish_alone(&mut FakeBroker::default(), 5, &message, &mut outcome);
    assert_eq!(refused.unwrap_err().to_string(), "INTERNAL_ERROR");
}
