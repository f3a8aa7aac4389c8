//! `pillarbox publish`, `get` and `purge`: messages by hand. For loads there is `pillarbox bench`.

use std::io::{self, Read as _};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use crate::DefaultFolder;
use crate::access::Access;
use crate::api::path;
use crate::output::Output;
use crate::pairs::{self, Pair};
use crate::table::visible;
use crate::units;

/// A message is no longer, in bytes: what the API takes of a request.
const PAYLOAD_BYTES_MAX: u64 = 700 << 10;

/// Publish a message.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pillarbox publish orders 'a letter'                     to the queue orders
  pillarbox publish --exchange post letters.de < letter   what stands in a file, to an exchange with a key
  pillarbox publish orders '{\"id\": 1}' --property content_type=application/json --header kind=test")]
pub struct Publish {
    /// The routing key: for the default exchange, the name of a queue
    key: String,
    /// What is in it [default: the standard input]
    payload: Option<String>,
    /// The exchange
    #[arg(short = 'x', long, default_value = "")]
    exchange: String,
    /// Its vhost
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// A property, KEY=VALUE, such as priority=5 or reply_to=answers; may be given more than once
    #[arg(long = "property", value_name = "KEY=VALUE")]
    properties: Vec<Pair>,
    /// A header, KEY=VALUE; may be given more than once
    #[arg(long = "header", value_name = "KEY=VALUE")]
    headers: Vec<Pair>,
    /// It does not survive a restart of the broker
    #[arg(long)]
    transient: bool,
    #[command(flatten)]
    access: Access,
}

/// Fetch messages from a queue, and put them back unless told otherwise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pillarbox get orders             the first message, which stays; it is marked as redelivered then
  pillarbox get orders -n 10 --ack    ten messages, which are gone then")]
pub struct Get {
    queue: String,
    /// How many at most
    #[arg(short = 'n', long, default_value_t = 1)]
    count: u32,
    /// They are gone then
    #[arg(long)]
    ack: bool,
    /// They are gone then, as if a consumer had refused them: they are dead-lettered if the queue says so
    #[arg(long, conflicts_with = "ack")]
    reject: bool,
    /// Its vhost
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    /// For scripts: the answer of the HTTP API
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: Access,
}

/// Take all ready messages out of a queue, and drop them.
#[derive(Args, Debug)]
pub struct Purge {
    queue: String,
    /// Its vhost
    #[arg(short = 'p', long, default_value = "/")]
    vhost: String,
    #[command(flatten)]
    access: Access,
}

impl Publish {
    /// Publishes it. It is a failure if it reaches no queue.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let Self { key, payload, exchange, vhost, properties, headers, transient, .. } = self;
        let payload = match payload {
            Some(payload) => payload.into_bytes(),
            None => {
                let mut payload = Vec::new();
                let read = io::stdin().lock().take(PAYLOAD_BYTES_MAX + 1).read_to_end(&mut payload);
                read.context("cannot read the message from the standard input")?;
                payload
            }
        };
        if payload.len() as u64 > PAYLOAD_BYTES_MAX {
            bail!(
                "the message has more than {}: too much for the HTTP API",
                units::bytes(PAYLOAD_BYTES_MAX)
            );
        }
        let mut properties = pairs::object(&properties);
        properties.entry("delivery_mode").or_insert(if transient { 1 } else { 2 }.into());
        if !headers.is_empty() {
            properties.insert("headers".to_owned(), pairs::object(&headers).into());
        }
        let (encoding, payload) = match String::from_utf8(payload) {
            Ok(text) => ("string", text),
            Err(bytes) => ("base64", STANDARD.encode(bytes.as_bytes())),
        };
        let body = json!({
            "properties": properties,
            "routing_key": key,
            "payload": payload,
            "payload_encoding": encoding,
        });
        let named = if exchange.is_empty() { "amq.default" } else { &exchange };
        let answer =
            api.post(&path(&["exchanges", &vhost, named, "publish"]), &body).with_context(
                || format!("cannot publish to the exchange '{exchange}' in vhost '{vhost}'"),
            )?;
        if answer["routed"] != true {
            bail!(
                "the message was dropped: the exchange '{exchange}' leads to no queue with the key '{key}' in vhost '{vhost}'"
            );
        }
        Ok(Output::line("published"))
    }
}

impl Get {
    /// Fetches them.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let Self { queue, count, ack, reject, vhost, json, .. } = self;
        let mode = match (ack, reject) {
            (true, _) => "ack_requeue_false",
            (false, true) => "reject_requeue_false",
            (false, false) => "ack_requeue_true",
        };
        let body = json!({ "count": count, "ackmode": mode, "encoding": "auto" });
        let fetched = api
            .post(&path(&["queues", &vhost, &queue, "get"]), &body)
            .map_err(|error| error.about(&format!("queue '{queue}' in vhost '{vhost}'")))
            .with_context(|| format!("cannot fetch from the queue '{queue}'"))?;
        if json {
            return Ok(Output::json(&fetched));
        }
        let messages = fetched.as_array().map(Vec::as_slice).unwrap_or_default();
        if messages.is_empty() {
            return Ok(Output { errors: "the queue is empty\n".to_owned(), ..Output::default() });
        }
        let texts: Vec<String> = messages.iter().map(describe).collect();
        Ok(Output::text(texts.join("\n")))
    }
}

/// A message as people read it: what is known of it, and then what is in it.
fn describe(message: &Value) -> String {
    let word = |name: &str| visible(&units::word(&message[name]));
    let mut text = format!(
        "exchange '{}', key '{}'{}, {} bytes\n",
        word("exchange"),
        word("routing_key"),
        if message["redelivered"] == true { ", redelivered" } else { "" },
        word("payload_bytes"),
    );
    for (name, value) in message["properties"].as_object().into_iter().flatten() {
        text.push_str(&format!("  {}: {}\n", visible(name), visible(&units::word(value))));
    }
    let encoding = message["payload_encoding"].as_str().unwrap_or_default();
    if encoding == "base64" {
        text.push_str("  (no text; in base64:)\n");
    }
    let payload = message["payload"].as_str().unwrap_or_default();
    // The lines of a text stay lines.
    let lines: Vec<String> = payload.split('\n').map(visible).collect();
    text.push_str(&lines.join("\n"));
    text.push('\n');
    text
}

impl Purge {
    /// Drops them.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let Self { queue, vhost, .. } = self;
        api.delete(&path(&["queues", &vhost, &queue, "contents"]))
            .map_err(|error| error.about(&format!("queue '{queue}' in vhost '{vhost}'")))?;
        Ok(Output::line(format!("the queue '{queue}' is purged")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_with_what_is_known_of_it() {
        let message = json!({
            "exchange": "", "routing_key": "q\u{1b}", "redelivered": true, "payload_bytes": 5,
            "properties": { "delivery_mode": 2, "headers": { "a": 1 } },
            "payload": "a\u{1b}[2J\nb", "payload_encoding": "string",
        });
        let expected = "exchange '', key 'q\\u{1b}', redelivered, 5 bytes\n  delivery_mode: 2\n  \
                        headers: {\"a\":1}\na\\u{1b}[2J\nb\n";
        assert_eq!(describe(&message), expected);
    }
}
