//! Messages that no queue was found for, as an operator has an exchange keep them.
//!
//! Who may read an exchange could bind a queue to it and see the same, so that is the right to see them; under a topic
//! permission only those with keys that may be read. Who may configure the exchange says whether it keeps any.

use amqp::{Properties, RawProperties};
use broker::permission::Authority;
use broker::{Action, Timestamp};
use bytes::Bytes;
use connection::ChannelNumber;

use super::{Admin, AdminError, Put};
use crate::unroutable::{KEPT_MAX, UnroutableMessage};

/// A message that no queue was found for.
#[derive(Clone, Debug)]
pub struct KeptMessage {
    /// When it was published.
    pub at: Timestamp,
    /// Who has published it.
    pub user: String,
    /// The name of the connection that it came over, and the channel; `None`: an operator has published it.
    pub channel: Option<(String, ChannelNumber)>,
    /// Its routing key, which need not be UTF-8.
    pub routing_key: Bytes,
    /// Its properties.
    pub properties: Properties,
    /// The first of its body.
    pub body: Bytes,
    /// How large its body was.
    pub body_bytes: u64,
}

/// What an exchange keeps.
#[derive(Clone, Debug)]
pub struct KeptMessages {
    /// How many at most.
    pub keep: usize,
    /// The newest first.
    pub messages: Vec<KeptMessage>,
}

impl Admin {
    /// Has an exchange keep the last `keep` messages that no queue is found for; until the broker ends.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn keep_unroutable(
        &self,
        authority: &Authority,
        exchange: &str,
        keep: usize,
    ) -> Result<Put, AdminError> {
        let client = self.act_for(authority)?;
        if !(1..=KEPT_MAX).contains(&keep) {
            let reason = format!("1 to {KEPT_MAX} messages can be kept");
            return Err(AdminError::Invalid { reason });
        }
        let budget = &self.node.shared.unroutable;
        let was_on = client
            .with_traffic(Action::Configure, exchange, |traffic| traffic.kept.keep(keep, budget))?;
        Ok(Put::of(was_on))
    }

    /// What an exchange has kept; `None` if it keeps nothing.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn unroutable(
        &self,
        authority: &Authority,
        exchange: &str,
    ) -> Result<Option<KeptMessages>, AdminError> {
        let client = self.act_for(authority)?;
        let read = client.with_traffic(Action::Read, exchange, |traffic| traffic.kept.read())?;
        Ok(read.map(|(keep, mut messages)| {
            messages.retain(|message| client.may_read_key(exchange, &message.routing_key));
            KeptMessages { keep, messages: messages.into_iter().map(KeptMessage::from).collect() }
        }))
    }

    /// Forgets what an exchange has kept, and has it keep nothing more.
    ///
    /// # Errors
    /// [`AdminError`]; also if it keeps nothing.
    pub fn forget_unroutable(
        &self,
        authority: &Authority,
        exchange: &str,
    ) -> Result<(), AdminError> {
        let client = self.act_for(authority)?;
        let stop = |traffic: &crate::exchange_traffic::ExchangeTraffic| traffic.kept.stop();
        if client.with_traffic(Action::Configure, exchange, stop)? {
            return Ok(());
        }
        Err(AdminError::NotFound { what: "kept message: the exchange keeps none".to_owned() })
    }
}

impl From<UnroutableMessage> for KeptMessage {
    fn from(kept: UnroutableMessage) -> Self {
        let properties = Properties::decode(RawProperties::from_bytes(&kept.properties));
        Self {
            at: kept.at,
            user: kept.user,
            channel: kept.channel,
            routing_key: kept.routing_key,
            properties: properties.unwrap_or_default(),
            body: kept.body,
            body_bytes: kept.body_bytes,
        }
    }
}
