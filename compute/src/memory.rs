//! Memory of the value that a computation reads, which exists until the computation ends.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory that the caller of a computation has reserved for its value.
#[derive(Debug)]
pub struct Memory<R> {
    /// Size of the value and of what is computed from it, in bytes.
    pub bytes: usize,
    /// Reservation, which is released when it is dropped.
    pub reservation: R,
}

/// Memory of a computation, which its thread and its caller share.
#[derive(Debug)]
pub(crate) struct HeldMemory<R> {
    bytes: usize,
    holder: Arc<Mutex<Option<Holder<R>>>>,
}

/// Limit towards which the memory of a computation counts.
#[derive(Debug)]
enum Holder<R> {
    /// What the caller has reserved.
    Reservation(R),
    /// The limit of all computations that exceed their deadline.
    Overdue { _permit: OwnedSemaphorePermit },
}

// Derived, it would require that the reservation can be cloned.
impl<R> Clone for HeldMemory<R> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, holder: Arc::clone(&self.holder) }
    }
}

impl<R> HeldMemory<R> {
    pub(crate) fn new(Memory { bytes, reservation }: Memory<R>) -> Self {
        Self { bytes, holder: Arc::new(Mutex::new(Some(Holder::Reservation(reservation)))) }
    }

    /// Counts the memory towards a limit instead of the reservation, which is released, if the limit has room for it.
    pub(crate) fn count_as_overdue(&self, limit: &Arc<Semaphore>) {
        let kib = u32::try_from(self.bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(limit).try_acquire_many_owned(kib) {
            let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
            *holder = Some(Holder::Overdue { _permit: permit });
        }
    }

    /// Returns the reservation of a computation that has ended in time.
    pub(crate) fn into_reservation(self) -> R {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reservation = match holder {
            Some(Holder::Reservation(reservation)) => Some(reservation),
            Some(Holder::Overdue { .. }) | None => None,
        };
        reservation.expect("only the memory of an overdue computation is counted elsewhere")
    }
}
