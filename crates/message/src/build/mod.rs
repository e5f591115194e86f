//! Writing messages: exact where the reader is tolerant. Lines end in CRLF and are folded at 76 octets, fields are
//! ASCII (or UTF-8 by RFC 6532 when asked for), bodies travel in the mildest encoding that keeps them whole.

mod entity;
mod fields;
mod fold;
mod letter;
#[cfg(test)]
mod tests;

pub use entity::Entity;
pub use fields::FieldWriter;
pub use letter::Letter;
