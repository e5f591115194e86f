//! What a part's header says of its content: the Content-* fields, read once.

use crate::encoding::TransferEncoding;
use crate::header::Header;

use super::{ContentType, Disposition};

/// The Content-* fields of one part. Of duplicate fields the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Content {
    /// Content-Type; the default of its place when there is none.
    pub content_type: ContentType,
    /// Content-Transfer-Encoding.
    pub encoding: TransferEncoding,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// Content-ID, as written.
    pub id: Option<String>,
    /// Content-Description, unfolded, encoded words left alone.
    pub description: Option<String>,
    /// Content-MD5 (RFC 1864).
    pub md5: Option<String>,
    /// Content-Language (RFC 3282): its tags in order.
    pub language: Vec<String>,
    /// Content-Location (RFC 2557).
    pub location: Option<String>,
}

/// Longest text of a field kept: descriptions and locations are a line or two.
const TEXT_OCTETS_MAX: usize = 4 * 1024;
/// Language tags kept; a part in more languages than that names none of them usefully.
const LANGUAGES_MAX: usize = 32;

impl Content {
    /// Reads the Content-* fields of `header`; `default` is the type of a part that names none.
    pub fn of(header: &Header<'_>, default: ContentType) -> Self {
        let mut content = Self::default();
        let mut content_type = None;
        let mut encoding = None;
        for field in header.fields() {
            let Some(rest) = field.name().get(..8).filter(|n| n.eq_ignore_ascii_case("content-")) else { continue };
            let word = field.name().get(rest.len()..).unwrap_or_default();
            let text = || Some(clip(&field.plain())).filter(|text| !text.is_empty());
            let is = |name: &str| word.eq_ignore_ascii_case(name);
            if is("type") {
                content_type.get_or_insert_with(|| ContentType::parse(field.raw()));
            } else if is("transfer-encoding") {
                encoding.get_or_insert_with(|| TransferEncoding::parse(&field.plain()));
            } else if is("disposition") && content.disposition.is_none() {
                content.disposition = Disposition::parse(field.raw());
            } else if is("id") && content.id.is_none() {
                content.id = text();
            } else if is("description") && content.description.is_none() {
                content.description = text();
            } else if is("md5") && content.md5.is_none() {
                content.md5 = text();
            } else if is("language") && content.language.is_empty() {
                content.language = languages(&field.plain());
            } else if is("location") && content.location.is_none() {
                content.location = text();
            }
        }
        content.content_type = content_type.unwrap_or(default);
        content.encoding = encoding.unwrap_or_default();
        content
    }

    /// The file name, decoded: of the disposition, or else of the type's `name`. It is the sender's word and no path.
    pub fn file_name(&self) -> Option<String> {
        let of_disposition = self.disposition.as_ref().and_then(|d| d.parameters.find("filename"));
        let parameter = of_disposition.or_else(|| self.content_type.parameters.find("name"))?;
        Some(parameter.text()).filter(|name| !name.is_empty())
    }

    /// Whether the part is to be shown as an attachment.
    pub fn is_attachment(&self) -> bool {
        self.disposition.as_ref().is_some_and(Disposition::is_attachment)
    }

    /// Only what the tree itself needs: for parts past the bound on facts.
    pub(super) fn without_facts(self) -> Self {
        let content_type = ContentType::new(&self.content_type.kind, &self.content_type.subtype);
        Self { content_type, encoding: self.encoding, ..Self::default() }
    }

    /// Octets it holds.
    pub(super) fn octets(&self) -> usize {
        let text = |t: &Option<String>| t.as_ref().map_or(0, String::len);
        let disposition = self.disposition.as_ref().map_or(0, |d| d.kind.len() + d.parameters.octets());
        let languages: usize = self.language.iter().map(|tag| tag.len() + size_of::<String>()).sum();
        self.content_type.parameters.octets()
            + disposition
            + languages
            + text(&self.id)
            + text(&self.description)
            + text(&self.md5)
            + text(&self.location)
    }
}

fn languages(text: &str) -> Vec<String> {
    let tags = text.split(',').map(|tag| tag.split('(').next().unwrap_or_default().trim());
    tags.filter(|tag| !tag.is_empty()).take(LANGUAGES_MAX).map(clip).collect()
}

/// Bounded, and without control characters.
fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_OCTETS_MAX).collect()
}
