//! The drop box: how users of this machine hand in letters (`angelia send`) who may write neither the store nor read the
//! configuration.
//!
//! The server owns a folder that everybody may put files into and nobody may look into (`folder`). `angelia send` writes a
//! letter there under a temporary name, syncs it, and gives it its name: from then on it is safe, whether a server runs or
//! not. The server (`clerk`) takes files within a second. Who handed one in says the file's owner, which nobody can
//! forge; under which addresses he may write says `sender`. A row in the transaction that accepts the letter remembers
//! the file's name (`ledger`), so that a server that dies before it has removed the file does not take it twice.
//!
//! Nobody else can be kept from writing into the folder, but those who go by `angelia send` hear (`notice`) when enough of
//! theirs waits there.
//!
//! Nothing vanishes: what cannot be sent goes back to its writer by a notice; what cannot be read is put aside, and the
//! journal says where.

mod clerk;
mod folder;
mod form;
mod header;
mod ledger;
pub(crate) mod limits;
mod notice;
mod sender;
mod submit;
mod taking;
#[cfg(test)]
mod tests;

use envelope::MailId;

pub(crate) use clerk::Clerk;
pub(crate) use folder::{Deposit, DropFolder, free_octets};
pub(crate) use form::{Form, notify};
pub(crate) use ledger::MIGRATIONS;
pub(crate) use submit::{Refused, Rules, Submission, submit, unqualified};

/// A name for a file: of two that one user makes, the later one is greater.
pub(crate) fn file_name() -> MailId {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut bytes = MailId::random().to_bytes();
    let when = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    bytes.iter_mut().zip(when.to_be_bytes()).for_each(|(byte, own)| *byte = own);
    MailId::from_bytes(bytes)
}

/// The letter's name, made of the file's and of its owner: whoever names his file after another letter does not become
/// that letter.
pub(crate) fn letter_id(file: MailId, uid: u32) -> MailId {
    let mut hasher = blake3::Hasher::new_derive_key("angelia 2026-11 drop box, letter of a file");
    hasher.update(&file.to_bytes()).update(&uid.to_be_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    MailId::from_bytes(bytes)
}
