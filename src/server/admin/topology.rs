//! What an operator declares, binds and deletes: with the checks that a client undergoes, and in its words.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use amqp::{FieldTable, RawTable};
use broker::exchange::Destination;
use broker::permission::Authority;
use broker::{LogPosition, User};
use connection::{Bind, Broker as _, DeclareError, ExchangeDeclare, QueueDeclare};

use super::{Admin, AdminError, Put};
use crate::client::Client;

/// How long a declare waits before it asks again whether the owner of an exclusive queue still lives.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The longest name or key.
const NAME_BYTES_MAX: usize = 255;

/// A queue to be declared. It is never exclusive: that is for clients, with whose connection it goes.
#[derive(Clone, Copy, Debug)]
pub struct NewQueue<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// Further arguments.
    pub arguments: &'a FieldTable,
}

/// An exchange to be declared.
#[derive(Clone, Copy, Debug)]
pub struct NewExchange<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name of its type.
    pub kind: &'a str,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last binding.
    pub auto_delete: bool,
    /// Whether it takes messages from other exchanges only.
    pub internal: bool,
    /// Further arguments.
    pub arguments: &'a FieldTable,
}

/// A binding to be made or taken back.
#[derive(Clone, Copy, Debug)]
pub struct BindingKey<'a> {
    /// The exchange that messages come from.
    pub source: &'a str,
    /// Where they go.
    pub destination: &'a Destination,
    /// The binding key.
    pub routing_key: &'a str,
    /// Further arguments.
    pub arguments: &'a FieldTable,
}

impl Admin {
    /// What a user may do in a vhost; `None` if they may not enter it, or if there is none of this name.
    pub fn authority(&self, user: &User, vhost: &str) -> Option<Authority> {
        let vhost = self.node.vhost(vhost)?;
        self.node.rights.read().authority(&user.name, &vhost.name)
    }

    /// Declares a queue.
    ///
    /// # Errors
    /// [`AdminError`], with [`Refused`](AdminError::Refused) also if there is one of this name that is another.
    pub async fn declare_queue(
        &self,
        authority: &Authority,
        queue: &NewQueue<'_>,
    ) -> Result<Put, AdminError> {
        let mut client = self.act_for(authority)?;
        check_name("queue", queue.name)?;
        let arguments = Arguments::of(queue.arguments)?;
        let request = QueueDeclare {
            queue: queue.name,
            passive: false,
            durable: queue.durable,
            exclusive: false,
            auto_delete: queue.auto_delete,
            arguments: arguments.as_raw(),
        };
        let put = put(client.entered().queue(queue.name).is_some());
        let declared = loop {
            match client.queue_declare(&request) {
                Ok(declared) => break declared,
                Err(DeclareError::Refused(refusal)) => return Err(refusal.into()),
                Err(DeclareError::Wait) => {
                    tokio::time::sleep(ASK_AGAIN_AFTER).await;
                    client.now = self.now();
                }
            }
        };
        client.finish();
        self.flushed(declared.after).await?;
        Ok(put)
    }

    /// Deletes a queue.
    ///
    /// # Errors
    /// [`AdminError`]; refused also if it has consumers, or messages, and these conditions were made.
    pub async fn delete_queue(
        &self,
        authority: &Authority,
        name: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<(), AdminError> {
        let mut client = self.act_for(authority)?;
        let is_there = client.entered().queue(name).is_some();
        let deleted = client.queue_delete(name, if_unused, if_empty);
        client.finish();
        let after = deleted?.after;
        found(is_there, "queue", name)?;
        self.flushed(after).await
    }

    /// Drops the ready messages of a queue; how many there were.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn purge_queue(&self, authority: &Authority, name: &str) -> Result<u32, AdminError> {
        let mut client = self.act_for(authority)?;
        let purged = client.queue_purge(name)?;
        client.finish();
        self.flushed(purged.after).await?;
        Ok(purged.value)
    }

    /// Declares an exchange.
    ///
    /// # Errors
    /// [`AdminError`], with [`Refused`](AdminError::Refused) also if there is one of this name that is another.
    pub async fn declare_exchange(
        &self,
        authority: &Authority,
        exchange: &NewExchange<'_>,
    ) -> Result<Put, AdminError> {
        let mut client = self.act_for(authority)?;
        check_name("exchange", exchange.name)?;
        let arguments = Arguments::of(exchange.arguments)?;
        let put = put(client.entered().exchange(exchange.name).is_some());
        let declared = client.exchange_declare(&ExchangeDeclare {
            exchange: exchange.name,
            kind: exchange.kind,
            passive: false,
            durable: exchange.durable,
            auto_delete: exchange.auto_delete,
            internal: exchange.internal,
            arguments: arguments.as_raw(),
        })?;
        client.finish();
        self.flushed(declared.after).await?;
        Ok(put)
    }

    /// Deletes an exchange.
    ///
    /// # Errors
    /// [`AdminError`]; refused also if something is bound to it, and that condition was made.
    pub async fn delete_exchange(
        &self,
        authority: &Authority,
        name: &str,
        if_unused: bool,
    ) -> Result<(), AdminError> {
        let mut client = self.act_for(authority)?;
        let is_there = client.entered().exchange(name).is_some();
        let deleted = client.exchange_delete(name, if_unused)?;
        client.finish();
        found(is_there, "exchange", name)?;
        self.flushed(deleted.after).await
    }

    /// Binds a queue or an exchange to an exchange.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn bind(
        &self,
        authority: &Authority,
        binding: &BindingKey<'_>,
    ) -> Result<(), AdminError> {
        let mut client = self.act_for(authority)?;
        check_length("routing key", binding.routing_key)?;
        let arguments = Arguments::of(binding.arguments)?;
        let request = binding.request(&arguments);
        let bound = match binding.destination {
            Destination::Queue(_) => client.queue_bind(&request),
            Destination::Exchange(_) => client.exchange_bind(&request),
        };
        client.finish();
        self.flushed(bound?.after).await
    }

    /// Takes a binding back.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn unbind(
        &self,
        authority: &Authority,
        binding: &BindingKey<'_>,
    ) -> Result<(), AdminError> {
        let mut client = self.act_for(authority)?;
        let arguments = Arguments::of(binding.arguments)?;
        let is_there = client.entered().exchange(binding.source).is_some_and(|source| {
            let (key, arguments) = (binding.routing_key.as_bytes(), binding.arguments);
            source.exchange.read().binding(binding.destination, key, arguments).is_some()
        });
        let request = binding.request(&arguments);
        let unbound = match binding.destination {
            Destination::Queue(_) => client.queue_unbind(&request),
            Destination::Exchange(_) => client.exchange_unbind(&request),
        };
        client.finish();
        let after = unbound?.after;
        found(is_there, "binding", binding.routing_key)?;
        self.flushed(after).await
    }

    /// Somebody who asks what a client could ask.
    pub(super) fn act_for(&self, authority: &Authority) -> Result<Client, AdminError> {
        Client::of_operator(&self.node, authority)
            .ok_or_else(|| AdminError::NotFound { what: format!("vhost '{}'", authority.vhost) })
    }

    /// Waits until the log is flushed so far.
    pub(super) async fn flushed(&self, after: Option<LogPosition>) -> Result<(), AdminError> {
        let (Some(journal), Some(after)) = (self.node.shared.journal(), after) else {
            return Ok(());
        };
        let is_flushed = poll_fn(|cx| match journal.wake_when_flushed(after, cx.waker()) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        });
        tokio::select! {
            () = is_flushed => Ok(()),
            _ = journal.failed() => {
                let reason = "the log has failed, and the broker ends".to_owned();
                Err(AdminError::Denied { reason })
            }
        }
    }
}

impl<'a> BindingKey<'a> {
    fn request(&self, arguments: &'a Arguments) -> Bind<'a> {
        Bind {
            destination: self.destination.name(),
            source: self.source,
            binding_key: self.routing_key,
            arguments: arguments.as_raw(),
        }
    }
}

/// Arguments as they come on the wire, within its limits.
pub(super) struct Arguments(Vec<u8>);

impl Arguments {
    pub(super) fn of(table: &FieldTable) -> Result<Self, AdminError> {
        let bytes = table.to_bytes();
        match RawTable::from_bytes(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(error) => Err(AdminError::Invalid { reason: format!("bad arguments: {error}") }),
        }
    }

    fn as_raw(&self) -> RawTable<'_> {
        RawTable::from_bytes(&self.0).expect("it was checked as it was made")
    }
}

fn put(was_there: bool) -> Put {
    if was_there { Put::Updated } else { Put::Created }
}

fn found(is_there: bool, kind: &str, name: &str) -> Result<(), AdminError> {
    if is_there { Ok(()) } else { Err(AdminError::NotFound { what: format!("{kind} '{name}'") }) }
}

pub(super) fn check_name(kind: &str, name: &str) -> Result<(), AdminError> {
    if name.is_empty() {
        return Err(AdminError::Invalid { reason: format!("a {kind} needs a name") });
    }
    check_length(kind, name)
}

pub(super) fn check_length(what: &str, text: &str) -> Result<(), AdminError> {
    if text.len() <= NAME_BYTES_MAX && !text.contains(['\r', '\n']) {
        return Ok(());
    }
    let reason =
        format!("the {what} has line ends, or more than the {NAME_BYTES_MAX} bytes that fit");
    Err(AdminError::Invalid { reason })
}
