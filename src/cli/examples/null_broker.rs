//! A broker that drops what is published and delivers what nobody sent: what `pillarbox bench` costs by itself.
//!
//! ```sh
//! cargo run --release -p pillarbox-cli --example null_broker -- 5699
//! pillarbox bench -h amqp://127.0.0.1:5699 -z 5 -y 0        # what publishing costs
//! pillarbox bench -h amqp://127.0.0.1:5699 -z 5 -x 0 -a     # what receiving costs
//! ```
//!
//! The sum of the two, `this tool` in the summaries, is to stay below 0.15 µs a message of 16 bytes.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use amqp::{
    DeliverTemplate, Frame, FrameType, Method, ProtocolHeader, basic, channel, confirm, connection,
    decode_frame, exchange, queue,
};
use anyhow::Context;

const FRAME_MAX: u32 = 131_072;
const BODY: [u8; 16] = [0; 16];

fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).context("the port to listen on is missing")?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || Client::new(stream).and_then(Client::serve));
    }
    Ok(())
}

struct Client {
    stream: TcpStream,
    replies: Vec<u8>,
    published: u64,
    confirms: bool,
}

impl Client {
    fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, replies: Vec::new(), published: 0, confirms: false })
    }

    fn serve(mut self) -> anyhow::Result<()> {
        let mut header = [0; ProtocolHeader::LEN];
        self.stream.read_exact(&mut header)?;
        self.reply(
            0,
            &Method::ConnectionStart(connection::Start {
                version_minor: 9,
                mechanisms: b"PLAIN",
                locales: b"en_US",
                ..connection::Start::default()
            }),
        )?;
        self.stream.write_all(&self.replies)?;
        self.replies.clear();

        let (mut input, mut filled) = (vec![0; FRAME_MAX as usize + 8], 0);
        loop {
            let len = self.stream.read(&mut input[filled..])?;
            if len == 0 {
                return Ok(());
            }
            filled += len;
            let (mut at, confirmed) = (0, self.published);
            while let Some((frame, len)) = decode_frame(&input[at..filled], FRAME_MAX)? {
                at += len;
                self.handle(frame)?;
            }
            input.copy_within(at..filled, 0);
            filled -= at;
            if self.confirms && self.published > confirmed {
                let ack = basic::Ack { delivery_tag: self.published, multiple: true };
                self.reply(1, &Method::BasicAck(ack))?;
            }
            self.stream.write_all(&self.replies)?;
            self.replies.clear();
        }
    }

    fn handle(&mut self, frame: Frame<'_>) -> anyhow::Result<()> {
        if frame.kind != FrameType::Method {
            return Ok(());
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "whatever has no answer")]
        let reply = match Method::decode(frame.payload)? {
            Method::BasicPublish(_) => {
                self.published += 1;
                return Ok(());
            }
            Method::ConnectionStartOk(_) => Method::ConnectionTune(connection::Tune {
                channel_max: 2047,
                frame_max: FRAME_MAX,
                heartbeat: 0,
            }),
            Method::ConnectionOpen(_) => Method::ConnectionOpenOk(connection::OpenOk {}),
            Method::ConnectionClose(_) => Method::ConnectionCloseOk(connection::CloseOk {}),
            Method::ChannelOpen(_) => Method::ChannelOpenOk(channel::OpenOk {}),
            Method::ChannelClose(_) => Method::ChannelCloseOk(channel::CloseOk {}),
            Method::ExchangeDeclare(_) => Method::ExchangeDeclareOk(exchange::DeclareOk {}),
            Method::QueueBind(_) => Method::QueueBindOk(queue::BindOk {}),
            Method::QueueDeclare(declare) => {
                let queue = declare.queue;
                Method::QueueDeclareOk(queue::DeclareOk { queue, ..queue::DeclareOk::default() })
            }
            Method::BasicQos(_) => Method::BasicQosOk(basic::QosOk {}),
            Method::ConfirmSelect(_) => {
                self.confirms = true;
                Method::ConfirmSelectOk(confirm::SelectOk {})
            }
            Method::BasicConsume(consume) => {
                let ok = basic::ConsumeOk { consumer_tag: consume.consumer_tag };
                self.reply(frame.channel, &Method::BasicConsumeOk(ok))?;
                self.stream.write_all(&self.replies)?;
                self.replies.clear();
                let stream = self.stream.try_clone()?;
                let tag = consume.consumer_tag.as_bytes();
                let template = DeliverTemplate::new(frame.channel, tag, b"", b"pillarbox-bench")?;
                thread::spawn(move || deliver_forever(stream, &template));
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.reply(frame.channel, &reply)
    }

    fn reply(&mut self, channel: u16, method: &Method<'_>) -> anyhow::Result<()> {
        method.try_encode(channel, &mut self.replies)?;
        Ok(())
    }
}

/// Writes the same 64 KiB of deliveries until the client is gone.
fn deliver_forever(mut stream: TcpStream, template: &DeliverTemplate) {
    let mut batch = Vec::new();
    let mut delivery_tag = 0;
    while batch.len() < 64 * 1024 {
        delivery_tag += 1;
        template.append_content(&mut batch, FRAME_MAX, (delivery_tag, false), &[0, 0], &BODY);
    }
    while stream.write_all(&batch).is_ok() {}
}
