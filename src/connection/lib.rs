//! One client: handshake, channels, content, prefetch, unacked, confirms and tx.
//!
//! A [`Session`] is driven with bytes, events and the time; it asks the [`Broker`], which answers at once, and sends
//! through it. Nothing here waits, reads a clock or knows a socket.

mod broker;
mod channel;
mod failure;
mod handshake;
mod heartbeat;
mod held_replies;
mod open_connection;
mod publish_alone;
mod sasl;
mod session;
mod settings;
mod turn;

pub use self::{
    broker::{
        Bind, Broker, Consume, DeclareError, Durable, ExchangeDeclare, Got, Login, LoginError,
        Password, Proof, PublishOutcome, QueueDeclare, QueueDeclared, Tuning, UnknownDeliveryTag,
    },
    channel::{
        ChannelFigures, ChannelNumber, Deliveries, DeliveryTag, PublishRun, RunMessage, Unacked,
        figures::{ChannelCounts, ChannelMode},
    },
    publish_alone::{LoneMessage, NotPublished, further_routing_keys, publish_alone},
    session::{Event, Next, Progress, Session},
    settings::Settings,
};
