//! Class `exchange`: declare, delete, bind, unbind.

use amqp::{Method, exchange};

use super::strip_cr_lf;
use crate::{Bind, Broker, ChannelNumber, ExchangeDeclare, failure::Outcome};

pub(crate) fn declare<B: Broker>(
    method: &exchange::Declare<'_>,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome {
    let _ = broker.exchange_declare(&ExchangeDeclare {
        exchange: &strip_cr_lf(method.exchange),
        kind: method.exchange_type,
        passive: method.passive,
        durable: method.durable,
        auto_delete: method.auto_delete,
        internal: method.internal,
        arguments: method.arguments,
    })?;
    if !method.nowait {
        broker.send(channel, &Method::ExchangeDeclareOk(exchange::DeclareOk));
    }
    Ok(())
}

pub(crate) fn delete<B: Broker>(
    method: &exchange::Delete<'_>,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome {
    let _ = broker.exchange_delete(&strip_cr_lf(method.exchange), method.if_unused)?;
    if !method.nowait {
        broker.send(channel, &Method::ExchangeDeleteOk(exchange::DeleteOk));
    }
    Ok(())
}

pub(crate) fn bind<B: Broker>(
    method: &exchange::Bind<'_>,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome {
    let _ = broker.exchange_bind(&Bind {
        destination: &strip_cr_lf(method.destination),
        source: &strip_cr_lf(method.source),
        binding_key: method.routing_key,
        arguments: method.arguments,
    })?;
    if !method.nowait {
        broker.send(channel, &Method::ExchangeBindOk(exchange::BindOk));
    }
    Ok(())
}

pub(crate) fn unbind<B: Broker>(
    method: &exchange::Unbind<'_>,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome {
    let _ = broker.exchange_unbind(&Bind {
        destination: &strip_cr_lf(method.destination),
        source: &strip_cr_lf(method.source),
        binding_key: method.routing_key,
        arguments: method.arguments,
    })?;
    if !method.nowait {
        broker.send(channel, &Method::ExchangeUnbindOk(exchange::UnbindOk));
    }
    Ok(())
}
