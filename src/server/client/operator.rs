//! A client without a connection: an operator, who asks for the same by other means and is told the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use broker::permission::Authority;
use broker::{Action, Refusal, Resource};

use super::Client;
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

    /// What its visits to queues leave to be done.
    pub(crate) fn effects_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}
