//! Content-Type (RFC 2045 section 5).

use crate::encoding::text_of;
use crate::header::unfold;

use super::Parameters;

/// A media type with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentType {
    /// `text`, in lower case.
    pub kind: String,
    /// `plain`, in lower case.
    pub subtype: String,
    /// `charset=utf-8` and the like.
    pub parameters: Parameters,
}

/// Longest type or subtype kept (RFC 6838 section 4.2).
const NAME_OCTETS_MAX: usize = 127;

impl Default for ContentType {
    /// `text/plain`, what a part without a Content-Type is (RFC 2045 section 5.2).
    fn default() -> Self {
        Self::new("text", "plain")
    }
}

impl ContentType {
    /// A type without parameters.
    pub fn new(kind: &str, subtype: &str) -> Self {
        Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            parameters: Parameters::default(),
        }
    }

    /// Reads a field's value, folded or not. What is no type at all is `text/plain` (RFC 2045 section 5.2).
    ///
    /// `content = type "/" subtype *(";" parameter)`
    pub fn parse(value: &[u8]) -> Self {
        let value = unfold(value);
        let text = text_of(&value);
        let (kind, rest) = name(&text);
        let Some(after_slash) = rest.strip_prefix('/') else {
            // `text; charset=…` of old mailers.
            let is_text = kind.eq_ignore_ascii_case("text");
            let parameters = if is_text { Parameters::parse(rest) } else { Parameters::default() };
            return Self { parameters, ..Self::default() };
        };
        let (subtype, rest) = name(after_slash);
        if kind.is_empty() || subtype.is_empty() {
            return Self::default();
        }
        Self { parameters: Parameters::parse(rest), ..Self::new(kind, subtype) }
    }

    /// Whether it is this type and subtype, given in lower case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }

    /// `multipart/*`
    pub fn is_multipart(&self) -> bool {
        self.kind == "multipart"
    }

    /// `message/rfc822`, or `message/global` (RFC 6532): a whole message stands inside.
    pub fn is_message(&self) -> bool {
        self.kind == "message" && (self.subtype == "rfc822" || self.subtype == "global")
    }

    /// The boundary, without the blanks at its end that no boundary can have.
    pub fn boundary(&self) -> Option<&str> {
        self.parameters.get("boundary").map(|b| b.trim_end_matches([' ', '\t'])).filter(|b| !b.is_empty())
    }

    /// The charset label, if one is given.
    pub fn charset(&self) -> Option<&str> {
        self.parameters.get("charset").filter(|label| !label.is_empty())
    }
}

impl std::fmt::Display for ContentType {
    /// `text/plain`, without parameters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)
    }
}

/// A token, and what follows it; blanks and comments around it are skipped.
pub(super) fn name(text: &str) -> (&str, &str) {
    let text = skip_blanks(text);
    let is_token = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b);
    let end = text.bytes().take_while(|b| is_token(*b)).count();
    let (name, rest) = text.split_at_checked(end).unwrap_or_default();
    if name.len() > NAME_OCTETS_MAX {
        return ("", rest);
    }
    (name, skip_blanks(rest))
}

fn skip_blanks(text: &str) -> &str {
    let mut text = text.trim_start();
    while let Some(comment) = text.strip_prefix('(') {
        text = comment.split_once(')').map_or("", |(_, rest)| rest).trim_start();
    }
    text
}
