//! What was said to sign in is kept out of sight when the other side says it back to us.
//!
//! Of the answers to AUTH itself only the codes are kept ([`codes_of`]). In all later ones whatever we said is replaced
//! ([`Mask::cover`]): the password, and its base64 wherever it begins in a longer text; the base64 of each message; and the
//! messages themselves where they do not hold the password (SCRAM).

use zeroize::Zeroizing;

use crate::sasl::{self, encode_base64};

/// What stands in the place of a secret.
const COVER: &[u8] = b"***";

/// Shorter ones are not looked for: they would be found everywhere, and what is put in their place would be longer.
const OCTETS_MIN: usize = COVER.len() + 1;

/// The text of an answer to AUTH, instead of the server's own.
pub(super) const WORDS_NOT_KEPT: &str = "(the server's words about a sign-in are not kept)";

/// What must not be seen.
#[derive(Default)]
pub(super) struct Mask {
    /// The longest first, so that none is left over of which another is a part.
    secrets: Vec<Zeroizing<Vec<u8>>>,
}

impl Mask {
    /// A password, whatever it is wrapped in.
    pub(super) fn hide_password(&mut self, password: &[u8]) {
        self.add(password);
        // Three octets are four letters: the same octets look otherwise one or two places further on.
        for (before, skipped) in [(0, 0), (1, 2), (2, 3)] {
            let mut shifted = Zeroizing::new(vec![0; before]);
            shifted.extend_from_slice(password);
            let encoded = Zeroizing::new(encode_base64(&shifted));
            let whole = shifted.len() * 8 / 6;
            self.add(encoded.as_bytes().get(skipped..whole).unwrap_or_default());
        }
    }

    /// A message of ours.
    pub(super) fn hide_message(&mut self, message: &[u8], mechanism: sasl::Mechanism) {
        let encoded = Zeroizing::new(encode_base64(message));
        self.add(encoded.trim_end_matches('=').as_bytes());
        if !mechanism.shows_password() {
            self.add(message);
        }
    }

    fn add(&mut self, secret: &[u8]) {
        if secret.len() >= OCTETS_MIN {
            self.secrets.push(Zeroizing::new(secret.to_vec()));
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// A line of a reply without them. It becomes no longer; its code stays.
    pub(super) fn cover(&self, line: Vec<u8>) -> Vec<u8> {
        self.secrets.iter().fold(line, |line, secret| without(line, secret))
    }
}

/// Upper and lower case are the same: some servers say everything in one.
fn without(line: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    const CODE: usize = "250 ".len();
    let text = line.get(CODE..).unwrap_or_default();
    let is_there = |rest: &[u8]| rest.get(..secret.len()).is_some_and(|here| here.eq_ignore_ascii_case(secret));
    if !text.windows(secret.len().max(1)).any(is_there) {
        return line;
    }
    let mut covered = line.get(..CODE).unwrap_or_default().to_vec();
    let mut rest = text;
    while let Some((octet, behind)) = rest.split_first() {
        if is_there(rest) {
            covered.extend_from_slice(COVER);
            rest = rest.get(secret.len()..).unwrap_or_default();
        } else {
            covered.push(*octet);
            rest = behind;
        }
    }
    covered
}

/// What the dialogue keeps of a line that answers AUTH.
pub(super) fn codes_of(line: &[u8]) -> Vec<u8> {
    let (code, rest) = line.split_at_checked(3).unwrap_or_default();
    let mut kept = Vec::new();
    if code.iter().all(u8::is_ascii_digit) {
        kept.extend_from_slice(code);
    }
    let first = rest.get(1..).unwrap_or_default().split(|octet| *octet == b' ').next().unwrap_or_default();
    let status = std::str::from_utf8(first).ok().and_then(|text| text.parse::<envelope::EnhancedStatus>().ok());
    if let Some(status) = status.filter(|_| code != b"334") {
        kept.extend_from_slice(format!(" {status}").as_bytes());
    }
    kept.extend_from_slice(b" (masked)");
    kept.trim_ascii_start().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_it_stands() {
        let mut mask = Mask::default();
        mask.hide_password(b"tiropita");
        mask.hide_message(b"\0anna\0tiropita", sasl::Mechanism::Plain);
        for before in ["", "x", "xy", "anna:", "\0anna\0"] {
            let told = format!("535 you said {}", encode_base64(format!("{before}tiropita and more").as_bytes()));
            let covered = mask.cover(told.clone().into_bytes());
            assert!(covered.len() < told.len(), "{before}: {told}");
            assert!(covered.windows(3).any(|three| three == COVER), "{before}: {told}");
        }
        for (told, covered) in [
            ("550 5.7.1 <Tiropita> and TIROPITA, anna", "550 5.7.1 <***> and ***, anna"),
            ("550-AGFubmEAdGlyb3BpdGE=", "550-***="),
            ("250 2.0.0 taken", "250 2.0.0 taken"),
            ("25", "25"),
        ] {
            assert_eq!(String::from_utf8(mask.cover(told.into())).unwrap(), covered);
        }
    }

    #[test]
    fn short_ones_spoil_nothing() {
        let mut mask = Mask::default();
        mask.hide_password(b"250");
        mask.hide_password(b"");
        assert_eq!(mask.cover(b"250 2.5.0 250".to_vec()), b"250 2.5.0 250");
    }

    #[test]
    fn messages_without_a_password_are_hidden_whole() {
        let mut mask = Mask::default();
        mask.hide_message(b"n,,n=anna,r=xyz", sasl::Mechanism::ScramSha256);
        assert_eq!(mask.cover(b"535 n,,n=anna,r=xyz biwsbj1hbm5hLHI9eHl6".to_vec()), b"535 *** ***");
        mask.hide_message(b"anna", sasl::Mechanism::Login);
        assert_eq!(mask.cover(b"250 anna YW5uYQ==".to_vec()), b"250 anna ***==");
    }

    #[test]
    fn of_an_answer_to_auth_the_codes_are_kept() {
        for (line, kept) in [
            ("535 5.7.8 you said secret", "535 5.7.8 (masked)"),
            ("535-5.7.8 secret", "535 5.7.8 (masked)"),
            ("535 secret", "535 (masked)"),
            ("334 5.7.8", "334 (masked)"),
            ("secret", "(masked)"),
            ("", "(masked)"),
        ] {
            assert_eq!(String::from_utf8(codes_of(line.as_bytes())).unwrap(), kept);
        }
    }
}
