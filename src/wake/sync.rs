//! The lock that the protocol is built on: parking_lot's in the product, loom's when the model checker runs.

#[cfg(not(pillarbox_loom))]
pub(crate) use parking_lot::{Mutex, MutexGuard};

#[cfg(pillarbox_loom)]
pub(crate) use self::model::{Mutex, MutexGuard};

#[cfg(pillarbox_loom)]
mod model {
    pub(crate) use loom::sync::MutexGuard;

    /// loom's mutex with parking_lot's signature: a poisoned lock ends the model.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("no thread of a model panics while it holds the lock")
        }
    }
}
