//! Takes out everything that is left, so that the history can be judged.

use std::time::Duration;

use pillarbox_client::{Channel, Connection, Error};
use tokio::time::{self, Instant};

use crate::{
    history::{Event, History},
    message::MessageId,
    topology::{self, QueueIndex, SETTLING_MS},
};

/// A pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Empties every queue, once for all the messages that are held back or expire have come to rest.
///
/// # Errors
/// If the broker cannot be asked, a queue or an exchange is missing, or a queue that gave all it had counts more.
pub async fn drain(uri: &str, history: &History) -> Result<(), Error> {
    let connection = Connection::connect(uri).await?;
    let channel = connection.open_channel().await?;
    topology::find(&channel).await?;
    let rest = Instant::now() + Duration::from_millis(SETTLING_MS);
    loop {
        let is_at_rest = Instant::now() >= rest;
        let mut drained = 0;
        for queue in QueueIndex::all() {
            drained += drain_queue(&channel, queue, history).await?;
        }
        if is_at_rest && drained == 0 {
            break;
        }
        time::sleep(PAUSE).await;
    }
    for queue in QueueIndex::all() {
        // It answers how many there are; that is asked of every queue, whether it counts right or not.
        let left = channel.queue_purge(queue.kind().name).await?;
        if left != 0 {
            let what = format!("{left} messages are counted that cannot be had");
            history.record(Event::Changed { queue, what });
        }
    }
    connection.close().await
}

async fn drain_queue(
    channel: &Channel,
    queue: QueueIndex,
    history: &History,
) -> Result<u64, Error> {
    let mut count = 0;
    while let Some(delivery) = channel.get(queue.kind().name, true).await? {
        count += 1;
        let found = match delivery.properties() {
            Ok(properties) => MessageId::recognize(queue, &properties, &delivery.body),
            Err(error) => Err(error.to_string()),
        };
        let redelivered = delivery.redelivered;
        history.record(match found {
            Ok(message) => Event::Drained { message, queue, redelivered },
            Err(what) => Event::Changed { queue, what },
        });
    }
    Ok(count)
}
