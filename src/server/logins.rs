//! Passwords are hashed and checked here, which is meant to take long: by few threads, so that a flood of logins leaves
//! the processor to those who are in already.
//!
//! Addresses take turns: who sends many logins waits for them longer than who sends one. Equal ones that wait at the
//! same time are checked once, as after a restart, when all clients of a user come back together. Nothing is remembered
//! of what was checked.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use broker::user::{Password, PasswordHash, User, is_password_of};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::node::ConnectionEntry;
use crate::outbox::ClientEvent;
use crate::random;

/// How many different logins may wait; the others have to ask again.
const WAITING_MAX: usize = 4096;

/// Where passwords are hashed and checked.
#[derive(Debug)]
pub(crate) struct Logins {
    work: Mutex<Work>,
    threads_max: usize,
}

/// What is to be done.
#[derive(Debug, Default)]
struct Work {
    /// Who takes turns, with the numbers of their checks. Nobody is there without any.
    turns: VecDeque<(IpAddr, VecDeque<u64>)>,
    /// The checks that wait or are being done.
    checks: Vec<Check>,
    hashes: VecDeque<(Password, oneshot::Sender<PasswordHash>)>,
    next_number: u64,
    threads: usize,
}

/// Whether a password is that of a user, who may not be there.
#[derive(Debug)]
struct Check {
    number: u64,
    user: Option<Arc<User>>,
    password: Password,
    waiters: Vec<Waiter>,
}

/// Who waits for the answer.
#[derive(Debug)]
struct Waiter {
    answer: oneshot::Sender<bool>,
    /// Whose task is woken for it.
    connection: Option<Arc<ConnectionEntry>>,
}

/// One thing to be done.
enum Job {
    Check { number: u64, user: Option<Arc<User>>, password: Password },
    Hash { password: Password, answer: oneshot::Sender<PasswordHash> },
}

/// An answer that is awaited. Whoever drops it does not wait any more.
pub(crate) type Answer<T = bool> = oneshot::Receiver<T>;

impl Default for Logins {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { work: Mutex::default(), threads_max: processors.div_ceil(2) }
    }
}

impl Logins {
    /// Has a password checked for somebody who comes from `peer`, and their connection's task woken once it is; `None` if
    /// too many wait.
    pub(crate) fn check(
        self: &Arc<Self>,
        user: Option<&Arc<User>>,
        password: &[u8],
        peer: IpAddr,
        connection: Option<&Arc<ConnectionEntry>>,
    ) -> Option<Answer> {
        let (answer_tx, answer) = oneshot::channel();
        let waiter = Waiter { answer: answer_tx, connection: connection.cloned() };
        let password = Password::new(password);
        {
            let mut work = self.work.lock();
            let is_same =
                |check: &&mut Check| is_same_user(&check.user, user) && check.password == password;
            let is_full = work.checks.len() >= WAITING_MAX;
            match work.checks.iter_mut().find(is_same) {
                Some(same) => same.waiters.push(waiter),
                None if is_full => return None,
                None => work.add(user.cloned(), password, peer.to_canonical(), waiter),
            }
        }
        self.start_thread();
        Some(answer)
    }

    /// Hashes a new password.
    pub(crate) async fn hash(self: &Arc<Self>, password: Password) -> PasswordHash {
        let (answer_tx, answer) = oneshot::channel();
        self.work.lock().hashes.push_back((password, answer_tx));
        self.start_thread();
        answer.await.expect("a hash that is awaited is made")
    }

    /// Has one more thread work, if more may. Without a runtime, as in a node that is driven by hand, it is done at once;
    /// also if the operating system gives no thread.
    fn start_thread(self: &Arc<Self>) {
        {
            let mut work = self.work.lock();
            if work.threads >= self.threads_max || (work.turns.is_empty() && work.hashes.is_empty())
            {
                return;
            }
            work.threads += 1;
        }
        let logins = Arc::clone(self);
        let is_driven_by_hand = Handle::try_current().is_err();
        // A thread of its own: those of a runtime also wait for the disk, and logins would wait for them.
        let thread = thread::Builder::new().name("login".to_owned());
        if is_driven_by_hand || thread.spawn(move || logins.run()).is_err() {
            self.run();
        }
    }

    /// Works until nothing is left to be done.
    fn run(&self) {
        loop {
            let job = {
                let mut work = self.work.lock();
                let Some(job) = work.take() else {
                    work.threads -= 1;
                    return;
                };
                job
            };
            match job {
                Job::Check { number, user, password } => {
                    let is_right = is_password_of(user.as_deref(), password.as_bytes());
                    let waiters = self.work.lock().done(number);
                    waiters.into_iter().for_each(|waiter| waiter.tell(is_right));
                }
                Job::Hash { password, answer } => {
                    let hash = PasswordHash::new(password.as_bytes(), random::salt());
                    // Nobody may be waiting any more.
                    let _ = answer.send(hash);
                }
            }
        }
    }
}

fn is_same_user(one: &Option<Arc<User>>, other: Option<&Arc<User>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl Work {
    fn add(&mut self, user: Option<Arc<User>>, password: Password, peer: IpAddr, waiter: Waiter) {
        let number = self.next_number;
        self.next_number += 1;
        self.checks.push(Check { number, user, password, waiters: vec![waiter] });
        match self.turns.iter_mut().find(|(known, _)| *known == peer) {
            Some((_, numbers)) => numbers.push_back(number),
            None => self.turns.push_back((peer, VecDeque::from([number]))),
        }
    }

    /// Takes the next thing to be done. What nobody waits for any more is left out.
    fn take(&mut self) -> Option<Job> {
        if let Some((password, answer)) = self.hashes.pop_front() {
            return Some(Job::Hash { password, answer });
        }
        loop {
            let (peer, mut numbers) = self.turns.pop_front()?;
            let number = numbers.pop_front();
            if !numbers.is_empty() {
                self.turns.push_back((peer, numbers));
            }
            let Some(at) = self.checks.iter().position(|check| Some(check.number) == number) else {
                continue;
            };
            let check = &self.checks[at];
            if check.waiters.iter().all(|waiter| waiter.answer.is_closed()) {
                self.checks.swap_remove(at);
                continue;
            }
            let (number, user) = (check.number, check.user.clone());
            return Some(Job::Check { number, user, password: check.password.clone() });
        }
    }

    /// Who waited for a check that is done.
    fn done(&mut self, number: u64) -> Vec<Waiter> {
        let at = self.checks.iter().position(|check| check.number == number);
        at.map(|at| self.checks.swap_remove(at).waiters).unwrap_or_default()
    }
}

impl Waiter {
    fn tell(self, is_right: bool) {
        let is_awaited = self.answer.send(is_right).is_ok();
        if let Some(connection) = self.connection.filter(|_| is_awaited) {
            connection.tell(ClientEvent::LoginChecked);
        }
    }
}

#[cfg(test)]
mod tests;
