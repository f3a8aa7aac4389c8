//! One entry of the table: what is sent when, and what must come of it.

/// Stands in inputs and expected texts for six octets that are new in every run, so that runs do not share queues.
pub(crate) const TOKEN: &str = "@@@@@@";

/// How far a connection is when the hostile bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Nothing was sent.
    Connected,
    /// The broker has sent `connection.start`.
    Starting,
    /// The login was good, and the broker has sent `connection.tune`.
    Tuning,
    /// `tune-ok` was sent.
    Opening,
    /// The connection is open, and has no channel.
    Open,
    /// Channel 1 is open.
    Channel,
}

/// A close by the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) text: Vec<u8>,
    pub(crate) class: u16,
    pub(crate) method: u16,
}

/// What must come of the hostile bytes.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// `connection.close`, and after `close-ok` the end of the connection.
    ConnectionClose(Close),
    /// `channel.close` on channel 1, which after `close-ok` can be opened again.
    ChannelClose(Close),
    /// The eight octets of the right protocol header, then the end of the connection.
    HeaderThenEnd,
    /// The end of the connection, and not a byte before it.
    SilentEnd,
    /// A status line of HTTP with the code 400, then the end of the connection.
    Http400,
    /// The input is tolerated: channel 1 and others work on.
    StillFine,
    /// The input is answered by this method (class, method), and tolerated.
    Answered(u16, u16),
    /// `connection.close-ok`, then the end of the connection.
    ClosedAsAsked,
}

/// Which split points are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Splits {
    /// Every one; in long inputs every one near both ends, and some between.
    All,
    /// A dozen, where each takes seconds.
    Few,
}

/// A named entry of the table.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    /// Well-behaved bytes sent before, in one piece.
    pub(crate) before: Vec<u8>,
    /// The hostile bytes.
    pub(crate) bytes: Vec<u8>,
    /// How far the hostile bytes bring the connection themselves; mostly where it was.
    pub(crate) reaches: Stage,
    /// Whether `before` makes the broker close channel 1, which must show before the hostile bytes are sent.
    pub(crate) channel_closed: bool,
    /// Whether the connection is not as good as new afterwards, though it lives.
    pub(crate) leaves_traces: bool,
    /// Whether the client then says that it will send nothing more.
    pub(crate) then_finish: bool,
    pub(crate) expect: Expect,
    pub(crate) splits: Splits,
    /// Why RabbitMQ 3.10 does something else, if it does.
    pub(crate) differs: Option<&'static str>,
}

/// An entry for `bytes` sent at `stage`.
pub(crate) fn case(name: &'static str, stage: Stage, bytes: Vec<u8>, expect: Expect) -> Case {
    Case {
        name,
        stage,
        before: Vec::new(),
        bytes,
        reaches: stage,
        channel_closed: false,
        leaves_traces: false,
        then_finish: false,
        expect,
        splits: Splits::All,
        differs: None,
    }
}

impl Case {
    /// Sends `bytes` before the hostile ones.
    pub(crate) fn after(self, bytes: Vec<u8>) -> Self {
        Self { before: bytes, ..self }
    }

    /// What was sent before makes the broker close the channel.
    pub(crate) fn behind_a_channel_close(self) -> Self {
        Self { channel_closed: true, ..self }
    }

    /// Each run needs a connection of its own.
    pub(crate) fn leaving_traces(self) -> Self {
        Self { leaves_traces: true, ..self }
    }

    /// The hostile bytes are tolerated as the step of the handshake that leads to `stage`.
    pub(crate) fn reaching(self, stage: Stage) -> Self {
        Self { reaches: stage, ..self }
    }

    /// Ends the sending direction after the hostile bytes.
    pub(crate) fn then_finish(self) -> Self {
        Self { then_finish: true, ..self }
    }

    /// Tries only some of the split points.
    pub(crate) fn few_splits(self) -> Self {
        Self { splits: Splits::Few, ..self }
    }

    /// RabbitMQ 3.10 answers otherwise, on purpose.
    pub(crate) fn differs(self, why: &'static str) -> Self {
        Self { differs: Some(why), ..self }
    }

    /// The positions at which the hostile bytes are cut in two.
    pub(crate) fn split_points(&self) -> Vec<usize> {
        let length = self.bytes.len();
        let near_the_ends =
            |at: usize| at < 64 || length - at <= 32 || at.is_multiple_of(length / 32);
        match self.splits {
            Splits::Few => (1..length).step_by((length / 12).max(1)).collect(),
            Splits::All if length <= 256 => (1..length).collect(),
            Splits::All => (1..length).filter(|&at| near_the_ends(at)).collect(),
        }
    }
}

/// `connection.close` with this code, text, and method.
pub(crate) fn connection_closes(code: u16, text: &str, class: u16, method: u16) -> Expect {
    Expect::ConnectionClose(Close { code, text: text.as_bytes().to_vec(), class, method })
}

/// `channel.close` with this code, text, and method.
pub(crate) fn channel_closes(code: u16, text: &str, class: u16, method: u16) -> Expect {
    Expect::ChannelClose(Close { code, text: text.as_bytes().to_vec(), class, method })
}
