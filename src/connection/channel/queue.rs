//! Class `queue`: declare, bind, unbind, purge, delete, and what an empty queue name means.

use ::broker::{QueueName, Refusal, VhostName};
use amqp::{Method, RawTable, ReplyCode, queue};

use super::{Handled, OpenChannel, inspect::REPLY_TO, strip_cr_lf};
use crate::{
    Bind, Broker, DeclareError, Durable, QueueDeclare, QueueDeclared,
    failure::{Failure, Outcome},
    held_replies::Replies,
};

/// How long a declare waits before it is asked again.
const RETRY_MS: u64 = 250;

pub(crate) fn declare<B: Broker>(
    open: &mut OpenChannel,
    method: &queue::Declare<'_>,
    vhost: &VhostName,
    replies: &mut Replies<'_, B>,
) -> Outcome<Handled> {
    let name = strip_cr_lf(method.queue);
    let Durable { value: declared, after } = if name.starts_with(REPLY_TO) {
        reply_queue(&name, vhost, replies.broker)?.into()
    } else {
        let declared = replies.broker.queue_declare(&QueueDeclare {
            queue: &name,
            passive: method.passive,
            durable: method.durable,
            exclusive: method.exclusive,
            auto_delete: method.auto_delete,
            arguments: method.arguments,
        });
        match declared {
            Ok(declared) => declared,
            Err(DeclareError::Wait) => return Ok(Handled::Retry { ms: RETRY_MS }),
            Err(DeclareError::Refused(refusal)) => return Err(refusal.into()),
        }
    };
    let QueueDeclared { queue, message_count, consumer_count } = declared;
    if !method.nowait {
        let ok = queue::DeclareOk { queue: &queue, message_count, consumer_count };
        replies.send_after(&Method::QueueDeclareOk(ok), after);
    }
    open.last_queue = Some(queue);
    Ok(Handled::Done)
}

/// Declaring an address of direct reply-to only asks whether somebody consumes there.
fn reply_queue<B: Broker>(name: &str, vhost: &VhostName, broker: &B) -> Outcome<QueueDeclared> {
    let queue = QueueName::from(name);
    if name != REPLY_TO && !broker.reply_address_exists(name) {
        return Err(Refusal::NoSuchQueue { queue, vhost: vhost.clone() }.into());
    }
    Ok(QueueDeclared { queue, message_count: 0, consumer_count: 1 })
}

pub(crate) fn bind<B: Broker>(
    open: &OpenChannel,
    method: &queue::Bind<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let names = BindingNames::new(open, method.queue, method.exchange, method.routing_key)?;
    let Durable { after, .. } = replies.broker.queue_bind(&names.bind(method.arguments))?;
    if !method.nowait {
        replies.send_after(&Method::QueueBindOk(queue::BindOk), after);
    }
    Ok(())
}

pub(crate) fn unbind<B: Broker>(
    open: &OpenChannel,
    method: &queue::Unbind<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let names = BindingNames::new(open, method.queue, method.exchange, method.routing_key)?;
    let Durable { after, .. } = replies.broker.queue_unbind(&names.bind(method.arguments))?;
    replies.send_after(&Method::QueueUnbindOk(queue::UnbindOk), after);
    Ok(())
}

/// What `queue.bind` and `queue.unbind` name, after the shortcuts.
struct BindingNames<'a> {
    queue: std::borrow::Cow<'a, str>,
    exchange: std::borrow::Cow<'a, str>,
    binding_key: &'a str,
}

impl<'a> BindingNames<'a> {
    fn new(
        open: &'a OpenChannel,
        queue: &'a str,
        exchange: &'a str,
        routing_key: &'a str,
    ) -> Outcome<Self> {
        let name = open.queue_name(queue)?;
        // Only where both are empty does the key mean the last declared queue as well.
        let binding_key = match &open.last_queue {
            Some(last) if queue.is_empty() && routing_key.is_empty() => last.as_str(),
            _ => routing_key,
        };
        if name.strip_prefix(REPLY_TO).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        {
            const EXPLANATION: &str = "cannot bind or unbind to a volatile (direct reply-to) queue";
            return Err(Failure::new(ReplyCode::AccessRefused, EXPLANATION));
        }
        Ok(Self { queue: name, exchange: strip_cr_lf(exchange), binding_key })
    }

    fn bind(&'a self, arguments: RawTable<'a>) -> Bind<'a> {
        let Self { queue, exchange, binding_key } = self;
        Bind { destination: queue, source: exchange, binding_key, arguments }
    }
}

pub(crate) fn purge<B: Broker>(
    open: &OpenChannel,
    method: &queue::Purge<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let name = open.queue_name(method.queue)?;
    let Durable { value: message_count, after } = replies.broker.queue_purge(&name)?;
    if !method.nowait {
        replies.send_after(&Method::QueuePurgeOk(queue::PurgeOk { message_count }), after);
    }
    Ok(())
}

pub(crate) fn delete<B: Broker>(
    open: &OpenChannel,
    method: &queue::Delete<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let name = open.queue_name(method.queue)?;
    let Durable { value: message_count, after } =
        replies.broker.queue_delete(&name, method.if_unused, method.if_empty)?;
    if !method.nowait {
        replies.send_after(&Method::QueueDeleteOk(queue::DeleteOk { message_count }), after);
    }
    Ok(())
}
