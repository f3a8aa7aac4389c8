//! Class `exchange`: declare, delete, bind, unbind.

use amqp::{Method, exchange};

use super::strip_cr_lf;
use crate::{Bind, Broker, Durable, ExchangeDeclare, failure::Outcome, held_replies::Replies};

pub(crate) fn declare<B: Broker>(
    method: &exchange::Declare<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let Durable { after, .. } = replies.broker.exchange_declare(&ExchangeDeclare {
        exchange: &strip_cr_lf(method.exchange),
        kind: method.exchange_type,
        passive: method.passive,
        durable: method.durable,
        auto_delete: method.auto_delete,
        internal: method.internal,
        arguments: method.arguments,
    })?;
    if !method.nowait {
        replies.send_after(&Method::ExchangeDeclareOk(exchange::DeclareOk), after);
    }
    Ok(())
}

pub(crate) fn delete<B: Broker>(
    method: &exchange::Delete<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let Durable { after, .. } =
        replies.broker.exchange_delete(&strip_cr_lf(method.exchange), method.if_unused)?;
    if !method.nowait {
        replies.send_after(&Method::ExchangeDeleteOk(exchange::DeleteOk), after);
    }
    Ok(())
}

pub(crate) fn bind<B: Broker>(
    method: &exchange::Bind<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let Durable { after, .. } = replies.broker.exchange_bind(&Bind {
        destination: &strip_cr_lf(method.destination),
        source: &strip_cr_lf(method.source),
        binding_key: method.routing_key,
        arguments: method.arguments,
    })?;
    if !method.nowait {
        replies.send_after(&Method::ExchangeBindOk(exchange::BindOk), after);
    }
    Ok(())
}

pub(crate) fn unbind<B: Broker>(
    method: &exchange::Unbind<'_>,
    replies: &mut Replies<'_, B>,
) -> Outcome {
    let Durable { after, .. } = replies.broker.exchange_unbind(&Bind {
        destination: &strip_cr_lf(method.destination),
        source: &strip_cr_lf(method.source),
        binding_key: method.routing_key,
        arguments: method.arguments,
    })?;
    if !method.nowait {
        replies.send_after(&Method::ExchangeUnbindOk(exchange::UnbindOk), after);
    }
    Ok(())
}
