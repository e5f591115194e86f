//! What the key of a destination means: where to ask, and how to speak.

use std::sync::Arc;

use envelope::Host;

use super::{Options, To};

/// Where the mail of one destination goes. Made by [`super::Table::find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// As the queue names it.
    pub key: String,
    /// The recipients' domain or literal, where the key says it: where it does not, they are of many domains.
    pub host: Option<Host>,
    /// Where to. [`To::Mx`] is about [`Self::host`].
    pub to: Arc<To>,
    /// How.
    pub options: Arc<Options>,
    /// Which route of the table it is, from 0; `None` where no route is for it.
    pub route: Option<usize>,
}
