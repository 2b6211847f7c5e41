//! Panics, converted into errors of the object that caused them.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures::FutureExt as _;

/// A panic of a computation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("panic: {0}")]
pub struct Panic(String);

impl Panic {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(text.unwrap_or("no message").to_owned())
    }
}

/// Awaits a future. State that it shares with others must stay consistent if it panics: locks that a panic poisons must be
/// used nevertheless.
///
/// # Errors
/// Returns the panic of the future.
pub async fn catch_panic_of<F: Future>(future: F) -> Result<F::Output, Panic> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|payload| Panic::new(payload.as_ref()))
}

/// Calls a function. State that it shares with others must stay consistent if it panics, as in [`catch_panic_of`].
///
/// # Errors
/// Returns the panic of the function.
pub fn catch_panic<T>(function: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Panic::new(payload.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic is an error with the message of the panic.
    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        let panicked = catch_panic_of(async { panic!("index {} is out of bounds", 7) }).await;
        let Err(panic): Result<(), _> = panicked else { panic!("the future has panicked") };
        assert_eq!(panic.to_string(), "panic: index 7 is out of bounds");
        assert_eq!(catch_panic(|| panic!("static")), Err::<(), _>(Panic("static".to_owned())));
        assert_eq!(catch_panic_of(async { 1 }).await, Ok(1));
    }
}
