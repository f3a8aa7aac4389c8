//! A queue, publishers and one consuming task around the outbox that ships: under loom every schedule, otherwise one.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::sync::Mutex;
use crate::{Buffer, Outbox};

#[cfg(pillarbox_loom)]
use loom::{future::block_on, sync::Arc, thread};
#[cfg(not(pillarbox_loom))]
use std::{sync::Arc, thread};

/// Holds at most `limit` messages.
struct Messages {
    held: Vec<u32>,
    limit: usize,
}

impl Buffer for Messages {
    fn has_room(&self) -> bool {
        self.held.len() < self.limit
    }
}

/// The least of a queue: messages, and whether its one consumer waits for room.
#[derive(Default)]
struct Queue {
    ready: VecDeque<u32>,
    starved: bool,
}

struct Post {
    queue: Mutex<Queue>,
    outbox: Outbox<Messages, ()>,
}

impl Post {
    fn new(limit: usize) -> Self {
        let outbox = Outbox::new(Messages { held: Vec::new(), limit });
        Self { queue: Mutex::new(Queue::default()), outbox }
    }

    /// Assigns what the outbox has room for; the queue's lock is held by the caller.
    fn dispatch(&self, queue: &mut Queue) -> Option<Waker> {
        let mut waker = None;
        while !queue.starved && !queue.ready.is_empty() {
            let mut outbox = self.outbox.lock();
            if outbox.has_room() {
                outbox.held.extend(queue.ready.pop_front());
                waker = outbox.schedule().or(waker);
            } else {
                outbox.starve(());
                queue.starved = true;
            }
        }
        waker
    }

    fn publish(&self, message: u32) {
        let waker = {
            let mut queue = self.queue.lock();
            queue.ready.push_back(message);
            self.dispatch(&mut queue)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// One turn of the owning task: drains and refills until nothing is left.
    fn turn(&self, waker: &Waker, received: &mut Vec<u32>) {
        let mut resumed = Vec::new();
        loop {
            self.outbox.begin_turn(waker);
            received.append(&mut self.outbox.lock().held);
            self.outbox.take_starved(&mut resumed);
            if resumed.pop().is_none() {
                return;
            }
            let mut queue = self.queue.lock();
            queue.starved = false;
            // No need to wake ourselves: the loop drains what this appends.
            let _own = self.dispatch(&mut queue);
        }
    }

    async fn receive(&self, count: usize) -> Vec<u32> {
        let mut received = Vec::new();
        poll_fn(|cx| {
            self.turn(cx.waker(), &mut received);
            if received.len() < count { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        received
    }
}

/// `publishers` threads publish `each` messages while the owning task receives them all, in order per publisher.
#[cfg_attr(
    not(pillarbox_loom),
    expect(clippy::disallowed_methods, reason = "the protocol is about threads")
)]
fn deliver_everything(publishers: u32, each: u32, limit: usize) {
    let post = Arc::new(Post::new(limit));
    let threads: Vec<_> = (0..publishers)
        .map(|publisher| {
            let post = Arc::clone(&post);
            thread::spawn(move || (0..each).for_each(|n| post.publish(publisher * 100 + n)))
        })
        .collect();
    let received = block_on(post.receive((publishers * each) as usize));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for publisher in 0..publishers {
        let own: Vec<u32> = received.iter().copied().filter(|m| m / 100 == publisher).collect();
        assert_eq!(own, (0..each).map(|n| publisher * 100 + n).collect::<Vec<_>>());
    }
}

/// Every schedule with one publisher; with two, every schedule that interrupts threads twice at most.
#[cfg(pillarbox_loom)]
fn check(publishers: u32, each: u32, limit: usize) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = (publishers > 1).then_some(2);
    model.check(move || deliver_everything(publishers, each, limit));
}

#[cfg(not(pillarbox_loom))]
fn check(publishers: u32, each: u32, limit: usize) {
    (0..200).for_each(|_| deliver_everything(publishers, each, limit));
}

#[cfg(not(pillarbox_loom))]
fn block_on<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Wake};

    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(std::sync::Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_wake_is_never_lost() {
    check(1, 2, 4);
}

#[test]
fn a_refill_is_never_lost() {
    check(1, 2, 1);
}

#[test]
fn two_publishers_share_one_outbox() {
    check(2, 1, 1);
}

#[test]
fn an_outbox_without_a_task_keeps_what_is_appended() {
    #[cfg(not(pillarbox_loom))]
    {
        let post = Post::new(1);
        (0..3).for_each(|n| post.publish(n));
        let mut received = Vec::new();
        post.turn(Waker::noop(), &mut received);
        assert_eq!(received, [0, 1, 2]);
    }
}
