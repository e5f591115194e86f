//! The grammar of SMTP: commands with their paths and parameters as a server reads them, replies as a client reads
//! them. A value that comes out of here is well formed; what is not is a [`Fault`] with the reply it deserves.
//!
//! Tolerant in what the world gets wrong without harm (blanks behind `FROM:`, source routes, lower case). Refused:
//! control characters, bytes that are no UTF-8, paths without angle brackets.

mod command;
mod parameters;
mod path;
mod reply;
mod xtext;

pub use command::{Command, RecipientArguments, parse};
pub use parameters::{Mail, Recipient};
pub use reply::{ReplyReader, parse_extensions};
pub use xtext::{decode as decode_xtext, encode as encode_xtext};

use envelope::Reply;

/// A command that is not as it should be, as the reply that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No verb of ours (RFC 5321 section 4.2.4).
    #[error("command not recognized")]
    Unknown,
    /// Control characters, or bytes that are no UTF-8.
    #[error("command holds what no command can hold")]
    Characters,
    /// The arguments are not as the verb wants them.
    #[error("syntax: {0}")]
    Syntax(&'static str),
    /// MAIL's path.
    #[error("bad sender address syntax")]
    ReversePath,
    /// RCPT's path.
    #[error("bad recipient address syntax")]
    ForwardPath,
    /// A parameter that we do not know (RFC 5321 section 4.1.1.11).
    #[error("parameter not recognized")]
    UnknownParameter,
    /// A parameter twice, without its value, or with a wrong one.
    #[error("bad value of {0}")]
    Parameter(&'static str),
    /// A non-ASCII address without SMTPUTF8 (RFC 6531 section 3.5).
    #[error("non-ASCII address without SMTPUTF8")]
    NeedsSmtputf8,
}

impl Fault {
    /// What the peer is told.
    pub fn reply(self) -> Reply {
        let text = self.to_string();
        match self {
            Self::Unknown => Reply::new(500, (5, 5, 1), text),
            Self::Characters => Reply::new(500, (5, 5, 2), text),
            Self::Syntax(_) | Self::Parameter(_) => Reply::new(501, (5, 5, 4), text),
            Self::ReversePath => Reply::new(501, (5, 1, 7), text),
            Self::ForwardPath => Reply::new(501, (5, 1, 3), text),
            Self::UnknownParameter => Reply::new(555, (5, 5, 4), text),
            Self::NeedsSmtputf8 => Reply::new(553, (5, 6, 7), text),
        }
    }
}
