//! What is on its way to the broker: one buffer a connection, filled by whoever sends and written by its task.
//!
//! Many small publishes become one write by themselves: while the task writes one buffer, senders fill the next.

use std::{
    mem,
    task::{Context, Waker},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Error;

/// Publishers wait while this many octets are unsent; with the buffer being written that is twice as much.
const ROOM_BYTES: usize = 256 * 1024;

/// What the connection's task shall do that is more than writing.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send `connection.close`, then end.
    CloseConnection,
    /// A channel's handle is gone.
    CloseChannel(u16),
    /// A consumer's handle is gone.
    CancelConsumer { channel: u16, tag: Box<str> },
}

#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    commands: Vec<Command>,
    /// The task's, once it has looked here.
    waker: Option<Waker>,
    /// The task was woken and has not looked here since.
    is_scheduled: bool,
    /// Somebody waits for room.
    is_awaited: bool,
    /// Why nothing more can be sent.
    closed: Option<Error>,
}

impl Outgoing {
    /// Appends whatever `write` appends, however much waits already: for what answers the broker.
    pub(crate) fn append<R>(&self, write: impl FnOnce(&mut Vec<u8>) -> R) -> Result<R, Error> {
        let mut state = self.state.lock();
        if let Some(error) = &state.closed {
            return Err(error.clone());
        }
        let written = write(&mut state.buffer);
        Self::wake(state);
        Ok(written)
    }

    /// As [`append`](Self::append), but `None` while too much waits: then [`wait_for_room`](Self::wait_for_room).
    pub(crate) fn append_if_room<R>(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<Option<R>, Error> {
        let mut state = self.state.lock();
        if let Some(error) = &state.closed {
            return Err(error.clone());
        }
        if state.buffer.len() >= ROOM_BYTES {
            return Ok(None);
        }
        let written = write(&mut state.buffer);
        Self::wake(state);
        Ok(Some(written))
    }

    /// Returns once there may be room, or nothing can be sent any more.
    pub(crate) async fn wait_for_room(&self) {
        let notified = self.room.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        {
            let mut state = self.state.lock();
            if state.closed.is_some() || state.buffer.len() < ROOM_BYTES {
                return;
            }
            state.is_awaited = true;
        }
        notified.await;
    }

    pub(crate) fn command(&self, command: Command) {
        let mut state = self.state.lock();
        if state.closed.is_none() {
            state.commands.push(command);
            Self::wake(state);
        }
    }

    /// Makes the task run, because something else changed that it looks at.
    pub(crate) fn nudge(&self) {
        Self::wake(self.state.lock());
    }

    fn wake(mut state: parking_lot::MutexGuard<'_, State>) {
        if !mem::replace(&mut state.is_scheduled, true)
            && let Some(waker) = state.waker.clone()
        {
            drop(state);
            waker.wake();
        }
    }

    /// For the task: swaps what waits with the empty `written`, takes the commands, and remembers whom to wake.
    pub(crate) fn take(&self, cx: &Context<'_>, written: &mut Vec<u8>) -> Vec<Command> {
        let mut state = self.state.lock();
        state.is_scheduled = false;
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        mem::swap(&mut state.buffer, written);
        let commands = mem::take(&mut state.commands);
        let is_awaited = mem::take(&mut state.is_awaited);
        drop(state);
        if is_awaited {
            self.room.notify_waiters();
        }
        commands
    }

    /// Nothing can be sent any more, because of `error`; what was appended before can still be taken.
    pub(crate) fn close(&self, error: Error) {
        let mut state = self.state.lock();
        state.closed.get_or_insert(error);
        drop(state);
        self.room.notify_waiters();
    }

    /// Why nothing can be sent any more.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.state.lock().closed.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_full_buffer_takes_no_publish_but_every_answer() {
        let outgoing = Outgoing::default();
        outgoing.append(|buffer| buffer.resize(ROOM_BYTES, 0)).unwrap();
        assert!(outgoing.append_if_room(|_| ()).unwrap().is_none());
        outgoing.append(|buffer| buffer.push(1)).unwrap();

        let mut taken = Vec::new();
        outgoing.take(&Context::from_waker(Waker::noop()), &mut taken);
        assert_eq!(taken.len(), ROOM_BYTES + 1);
        assert!(outgoing.append_if_room(|_| ()).unwrap().is_some());
    }

    #[tokio::test]
    async fn who_waits_for_room_learns_of_the_end() {
        let outgoing = Outgoing::default();
        outgoing.append(|buffer| buffer.resize(ROOM_BYTES, 0)).unwrap();
        tokio::join!(outgoing.wait_for_room(), async {
            tokio::task::yield_now().await;
            outgoing.close(Error::ClosedByClient);
        });
        assert!(matches!(outgoing.append_if_room(|_| ()), Err(Error::ClosedByClient)));
    }
}
