//! A post box: takes a letter for someone, and returns once the post office has it.
//!
//! `post_box ADDRESSEE [FILE]` (without a file, the letter is read from the standard input)

use std::{
    env, fs,
    io::{self, Read, Write},
};

use anyhow::{Context, bail};
use pillarbox_client::{Confirmation, Connection, Properties, Publish, QueueOptions};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let addressee = arguments.next().context("post_box ADDRESSEE [FILE]")?;
    let mut letter = Vec::new();
    match arguments.next() {
        Some(file) => letter = fs::read(&file).with_context(|| format!("cannot read {file}"))?,
        None => drop(io::stdin().read_to_end(&mut letter)?),
    }
    post(&addressee, &letter).await?;
    writeln!(io::stdout(), "posted {} bytes to {addressee}", letter.len())?;
    Ok(())
}

/// Posts a letter, any bytes; fails if the post office did not take it.
async fn post(addressee: &str, letter: &[u8]) -> anyhow::Result<()> {
    let url = env::var("AMQP_URL");
    let url = url.as_deref().unwrap_or("amqp://guest:guest@localhost:5672");
    let connection = Connection::connect(url).await?;
    let channel = connection.open_channel().await?;
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    channel.queue_declare(addressee, durable).await?;
    channel.confirm_select().await?;

    let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
    let publish = Publish {
        routing_key: addressee,
        properties: Some(&persistent),
        body: letter,
        mandatory: true,
        ..Publish::default()
    };
    match channel.publish(&publish).await?.await? {
        Confirmation::Ack => {}
        Confirmation::Nack => bail!("the post office did not take the letter"),
        Confirmation::Returned(_) => bail!("the post office does not know {addressee}"),
    }
    connection.close().await?;
    Ok(())
}
