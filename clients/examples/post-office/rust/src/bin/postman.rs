//! A postman: brings someone's letters into a folder, each as a file, as they arrive.
//!
//! `postman ADDRESSEE FOLDER`

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use pillarbox_client::{Connection, ConsumeOptions, QueueOptions};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let usage = "postman ADDRESSEE FOLDER";
    let addressee = arguments.next().context(usage)?;
    let folder = arguments.next().context(usage)?;
    tokio::select! {
        delivered = deliver(&addressee, Path::new(&folder)) => delivered,
        _ = tokio::signal::ctrl_c() => Ok(writeln!(io::stdout(), "the postman goes home")?),
    }
}

/// Delivers letters for ever. One is acknowledged when it is in the folder, so none is lost on the way.
async fn deliver(addressee: &str, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let url = env::var("AMQP_URL");
    let url = url.as_deref().unwrap_or("amqp://guest:guest@localhost:5672");
    let connection = Connection::connect(url).await?;
    let channel = connection.open_channel().await?;
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    channel.queue_declare(addressee, durable).await?;
    channel.qos(10, false).await?;
    let mut letters = channel.consume(addressee, ConsumeOptions::default()).await?;
    writeln!(io::stdout(), "waiting for letters to {addressee}")?;

    while let Some(letter) = letters.next().await {
        let letter = letter?;
        let number = fs::read_dir(folder)?.count() + 1;
        let path = folder.join(format!("letter-{number}"));
        fs::write(&path, &letter.body)?;
        letter.ack()?;
        writeln!(io::stdout(), "delivered {} bytes to {}", letter.body.len(), path.display())?;
    }
    Ok(())
}
