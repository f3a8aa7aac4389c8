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
mod sasl;
mod session;
mod settings;
mod turn;

pub use self::{
    broker::{
        Bind, Broker, Consume, DeclareError, Durable, ExchangeDeclare, Got, Login, LoginRefused,
        Password, Proof, PublishOutcome, QueueDeclare, QueueDeclared, Tuning, UnknownDeliveryTag,
    },
    channel::{ChannelNumber, Deliveries, DeliveryTag, PublishRun, RunMessage, Unacked},
    session::{Event, Next, Progress, Session},
    settings::Settings,
};
