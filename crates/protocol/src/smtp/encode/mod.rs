//! What goes out: replies of the server, commands of the client, bodies with their dots stuffed.

mod body;
mod command;
mod reply;

pub use body::{Normalizer, Stuffer};
pub use command::{mail, recipient};
pub use reply::reply;
