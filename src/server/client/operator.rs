//! A client without a connection: an operator, who asks for the same by other means and is told the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use broker::permission::Authority;
use broker::{Action, Refusal, Resource};

use super::Client;
use super::publishing::REPLY_PREFIX;
use crate::exchange_traffic::ExchangeTraffic;
use crate::node::{ConnectionEntry, Node};
use crate::outbox::{ClientOutbox, OutboxBuffer};
use crate::queue_cell::{Effects, QueueCell};
use crate::vhost::Vhost;

/// The frame size that nothing is sent with.
const FRAME_MAX: u32 = 131_072;

impl Client {
    /// Somebody who acts for a user in a vhost; `None` if there is no such vhost.
    ///
    /// Nobody knows of this client, and nothing is ever sent to it. Exclusive queues are other clients' for it.
    pub(crate) fn of_operator(node: &Arc<Node>, authority: &Authority) -> Option<Self> {
        let vhost = node.vhost(&authority.vhost).filter(|vhost| !vhost.is_deleted())?;
        let outbox = Arc::new(ClientOutbox::new(OutboxBuffer::new(FRAME_MAX)));
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let entry = ConnectionEntry::new(peer, outbox, node.shared.clock.now());
        let mut client = Self::new(node, node.next_connection_id(), Arc::new(entry));
        client.user = node.rights.read().user(&authority.user).cloned();
        client.effects.by = Some(authority.user.clone());
        client.authority = Some(authority.clone());
        client.vhost = Some(vhost);
        Some(client)
    }

    /// The vhost that it acts in.
    pub(crate) fn entered(&self) -> &Arc<Vhost> {
        self.opened()
    }

    /// A queue that it may read.
    pub(crate) fn readable_queue(&self, name: &str) -> Result<Arc<QueueCell>, Refusal> {
        let resource = Resource::queue(&self.opened().name, &name.into());
        self.authorize(Action::Read, resource)?;
        self.accessible_queue(name)
    }

    /// Whether it may publish to an exchange under a key.
    pub(crate) fn check_publish_to(&mut self, exchange: &str, key: &[u8]) -> Result<(), Refusal> {
        self.check_publishing(exchange)?;
        self.check_publishing_topics(exchange, key, [&[], &[]])
    }

    /// Whether it may do this with an exchange, and shows what is counted and kept there.
    pub(crate) fn with_traffic<R>(
        &self,
        action: Action,
        exchange: &str,
        show: impl FnOnce(&ExchangeTraffic) -> R,
    ) -> Result<R, Refusal> {
        let vhost = self.opened();
        self.authorize(action, Resource::exchange(&vhost.name, &exchange.into()))?;
        if exchange.is_empty() {
            return Ok(show(&vhost.default_traffic));
        }
        let cell = vhost.exchange(exchange).ok_or_else(|| vhost.no_such_exchange(exchange))?;
        Ok(show(&cell.traffic))
    }

    /// Whether it may see messages that were published to an exchange under this key.
    pub(crate) fn may_read_key(&self, exchange: &str, key: &[u8]) -> bool {
        self.authorize_topic(Action::Read, exchange, key).is_ok()
    }

    /// Whether what is published under this key goes to a consumer of direct replies.
    pub(crate) fn is_reply_address(key: &[u8]) -> bool {
        key.starts_with(REPLY_PREFIX)
    }

    /// What its visits to queues leave to be done.
    pub(crate) fn effects_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}
