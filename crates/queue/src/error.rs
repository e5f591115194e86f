//! What can go wrong with the queue.

/// An error of the queue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: nothing in the queue is meant by that.
    #[error("there is no such letter in the queue")]
    NotFound,
    /// Ours, or the machine's.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}
