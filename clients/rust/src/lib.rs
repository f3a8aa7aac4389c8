//! An asynchronous AMQP 0-9-1 client for Pillarbox, RabbitMQ and whatever else speaks it.
//!
//! ```no_run
//! use pillarbox_client::{Confirmation, Connection, ConsumeOptions, Publish, QueueOptions};
//!
//! # async fn example() -> Result<(), pillarbox_client::Error> {
//! let connection = Connection::connect("amqp://guest:guest@localhost:5672/%2f").await?;
//! let channel = connection.open_channel().await?;
//! channel.queue_declare("letters", QueueOptions { durable: true, ..QueueOptions::default() }).await?;
//!
//! channel.confirm_select().await?;
//! let letter = Publish { routing_key: "letters", body: b"Dear Ann", ..Publish::default() };
//! let confirm = channel.publish(&letter).await?;
//! assert!(matches!(confirm.await?, Confirmation::Ack));
//!
//! let mut letters = channel.consume("letters", ConsumeOptions::default()).await?;
//! while let Some(letter) = letters.next().await {
//!     let letter = letter?;
//!     println!("{}", String::from_utf8_lossy(&letter.body));
//!     letter.ack()?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! One task serves each connection and batches by itself: what is published while it writes goes into the next
//! write. Everything is bounded: publishing waits for room in the buffer, and reading stops while the streams are
//! full. There is no automatic reconnect: an error says that the connection has ended, and who knows what to declare
//! again is the application.

mod channel;
mod confirm;
mod connection;
mod consumer;
mod delivery;
mod driver;
mod error;
mod handshake;
mod incoming;
mod outgoing;
mod repeated;
mod reply;
mod uri;

pub use amqp::{FieldTable, FieldValue, Properties, PropertyError, ShortString, TooLong};

pub use self::{
    channel::{Channel, ConsumeOptions, ExchangeOptions, PreparedPublishes, Publish, QueueOptions},
    confirm::{Confirm, ConfirmEvent, Confirmation, ReturnedMessage},
    connection::Connection,
    consumer::{Consumer, ConsumerHandler, Replies},
    delivery::{Delivery, DeliveryRef},
    error::{Close, Error},
    reply::DeclaredQueue,
    uri::{ConnectOptions, UriError},
};
