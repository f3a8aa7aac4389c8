//! What threads share: parking_lot's locks in the product, loom's when the model checker runs.

#[cfg(not(pillarbox_loom))]
pub(crate) use self::product::*;

#[cfg(pillarbox_loom)]
pub(crate) use self::model::*;

#[cfg(not(pillarbox_loom))]
mod product {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

    /// Lets others have the lock for a moment.
    pub(crate) fn bump<T>(guard: &mut MutexGuard<'_, T>) {
        MutexGuard::bump(guard);
    }
}

#[cfg(pillarbox_loom)]
mod model {
    use std::ops::{Deref, DerefMut};
    use std::time::Duration;

    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

    const POISONED: &str = "no thread of a model panics while it holds the lock";

    /// loom's mutex with parking_lot's signature: a poisoned lock ends the model.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        /// Missing only while a [`Condvar`] waits with it.
        held: Option<loom::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard { mutex: self, held: Some(self.0.lock().expect(POISONED)) }
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.held.as_ref().expect("held while nobody waits")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.held.as_mut().expect("held while nobody waits")
        }
    }

    pub(crate) fn bump<T>(guard: &mut MutexGuard<'_, T>) {
        guard.held = None;
        guard.held = Some(guard.mutex.0.lock().expect(POISONED));
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    /// In a model nothing ever takes too long.
    pub(crate) struct WaitTimeoutResult;

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            false
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let held = guard.held.take().expect("held while nobody waits");
            guard.held = Some(self.0.wait(held).expect(POISONED));
        }

        pub(crate) fn wait_for<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            _time: Duration,
        ) -> WaitTimeoutResult {
            self.wait(guard);
            WaitTimeoutResult
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
