//! The arguments, named as PerfTest names them where they mean the same.

use clap::{Args, ValueEnum};

/// Put a load on a broker and measure it.
///
/// Producers publish as fast as the broker takes it, or at a given rate, and consumers receive; each of them has a
/// connection of its own. Every second shows what was sent and received, and the end what it was on the whole.
///
/// The queues are declared auto-delete and disappear with their last consumer, and durable for persistent messages.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:
  pillarbox bench -z 10 -s 16 -a                     one producer, one consumer, 16 bytes, as fast as it goes
  pillarbox bench -z 10 -q 1000 -A 50 -c 2000        with acknowledgements and publisher confirms
  pillarbox bench -z 10 -s 256 -r 20000 -q 100 -A 10 the latency at 20,000 messages a second
  pillarbox bench -z 10 -x 100 -y 100 --queues 100   a hundred of each
  pillarbox bench -z 10 -a --fanout 50               every message goes to 50 queues
  pillarbox bench -y 0 -C 1000000 -c 2000            fills a queue with a million messages
  pillarbox bench -x 0 -D 1000000 -q 1000 -A 50      drains it")]
pub struct Bench {
    /// Where the broker is
    #[arg(
        short = 'h',
        long,
        value_name = "URI",
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f"
    )]
    pub uri: String,

    /// How many producers; 0 if messages come from elsewhere
    #[arg(short = 'x', long, value_name = "N", default_value_t = 1)]
    pub producers: usize,

    /// How many consumers, dealt out to the queues; 0 to fill the queues [default: one for each queue]
    #[arg(short = 'y', long, value_name = "N")]
    pub consumers: Option<usize>,

    /// The queue to use
    #[arg(short = 'u', long, value_name = "NAME", default_value = "pillarbox-bench")]
    pub queue: String,

    /// Use as many queues, with producers and consumers dealt out to them
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "fanout")]
    pub queues: usize,

    /// How several queues are named; %d is the number, from 1 on [default: the queue's name and -%d]
    #[arg(long, value_name = "PATTERN")]
    pub queue_pattern: Option<String>,

    /// Publish to a fanout exchange that has as many queues
    #[arg(long, value_name = "N")]
    pub fanout: Option<usize>,

    /// Publish to this exchange instead of the default one
    #[arg(short = 'e', long, value_name = "NAME", conflicts_with = "fanout")]
    pub exchange: Option<String>,

    /// The type of the exchange
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "direct")]
    pub exchange_type: String,

    /// The routing key, and what the queues are bound with [default: the name of the queue]
    #[arg(short = 'k', long, value_name = "KEY")]
    pub routing_key: Option<String>,

    /// Declare nothing: queues and exchange are there
    #[arg(short = 'p', long)]
    pub predeclared: bool,

    /// An argument of the queues, such as x-queue-type=quorum; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    pub queue_argument: Vec<String>,

    /// Bytes of a message's body; latency is measured from 16 on
    #[arg(short = 's', long, value_name = "BYTES", default_value_t = 16)]
    pub size: usize,

    /// How many messages a consumer may have unacknowledged; 0 is no limit
    #[arg(short = 'q', long, value_name = "N", default_value_t = 0)]
    pub prefetch: u16,

    /// Use publisher confirms, with at most N unconfirmed messages a producer
    #[arg(short = 'c', long, value_name = "N")]
    pub confirm: Option<u64>,

    /// A flag of the messages; may be given more than once
    #[arg(short = 'f', long, value_name = "FLAG")]
    pub flag: Vec<Flag>,

    /// Consume without acknowledgements
    #[arg(short = 'a', long)]
    pub autoack: bool,

    /// Acknowledge every N messages at once
    #[arg(short = 'A', long, value_name = "N", default_value_t = 1)]
    pub multi_ack_every: u64,

    /// Messages a second of each producer [default: as fast as it goes]
    #[arg(short = 'r', long, value_name = "RATE")]
    pub rate: Option<f64>,

    /// Messages a second of each consumer [default: as fast as it goes]
    #[arg(short = 'R', long, value_name = "RATE")]
    pub consumer_rate: Option<f64>,

    /// Stop after as many seconds [default: until interrupted]
    #[arg(short = 'z', long = "time", value_name = "SECS")]
    pub seconds: Option<f64>,

    /// Stop after as many messages of each producer, once they are received
    #[arg(short = 'C', long = "pmessages", value_name = "N")]
    pub messages: Option<u64>,

    /// Stop when so many messages for each consumer are received; with -x 0 it drains the queues
    #[arg(short = 'D', long = "cmessages", value_name = "N")]
    pub consumer_messages: Option<u64>,

    /// Seconds before the measuring starts; -z counts from there
    #[arg(long, value_name = "SECS", default_value_t = 0.0)]
    pub warm_up: f64,

    /// Let no more messages be on the way, over all producers: sent but not received
    #[arg(long, value_name = "N")]
    pub in_flight: Option<u64>,

    /// Measure the CPU time and memory of this process, too: the broker, if it runs on this machine
    #[arg(long, value_name = "PID")]
    pub broker_pid: Option<u32>,

    /// Threads of this tool [default: half of the cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Print the summary as JSON, and the progress to the standard error
    #[arg(long)]
    pub json: bool,

    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// What messages can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flag {
    /// Kept over a restart, in durable queues
    Persistent,
    /// Returned if no queue gets it
    Mandatory,
}
