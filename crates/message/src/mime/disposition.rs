//! Content-Disposition (RFC 2183).

use crate::encoding::text_of;
use crate::header::unfold;

use super::Parameters;
use super::content_type::name;

/// How a part wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Disposition {
    /// `inline`, `attachment`, or another word, in lower case.
    pub kind: String,
    /// `filename=…` and the like.
    pub parameters: Parameters,
}

impl Disposition {
    /// Reads a field's value, folded or not; `None` when it names no disposition.
    ///
    /// `disposition := disposition-type *(";" disposition-parm)`
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = unfold(value);
        let text = text_of(&value);
        let (kind, rest) = name(&text);
        // `filename=x` without a type is an attachment that forgot to say so.
        if rest.starts_with('=') && !kind.is_empty() {
            return Some(Self { kind: "attachment".to_owned(), parameters: Parameters::parse(&text) });
        }
        (!kind.is_empty()).then(|| Self { kind: kind.to_ascii_lowercase(), parameters: Parameters::parse(rest) })
    }

    /// Whether it is an attachment. RFC 2183 section 2.8: an unknown word counts as one.
    pub fn is_attachment(&self) -> bool {
        self.kind != "inline"
    }
}
