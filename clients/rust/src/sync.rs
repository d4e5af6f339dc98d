use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ignores poisoning: a panic leaves nothing half changed here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
