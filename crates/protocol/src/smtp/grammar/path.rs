//! Paths: what stands between the angle brackets of MAIL and RCPT (RFC 5321 section 4.1.2).

use envelope::{Address, ForwardPath, ReversePath};

/// Splits `<path> rest` at the closing bracket, which a quoted local part may hide; `None` without brackets.
///
/// `Path = "<" [ A-d-l ":" ] Mailbox ">"`
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => {
                let rest = inner.get(index + 1..)?;
                return (rest.is_empty() || rest.starts_with(' ')).then_some((inner.get(..index)?, rest));
            }
            _ => {}
        }
    }
    None
}

/// A source route is read and thrown away (RFC 5321 appendix C).
///
/// `A-d-l = At-domain *( "," At-domain )`
fn without_route(path: &str) -> &str {
    match path.split_once(':') {
        Some((route, mailbox)) if route.starts_with('@') && !route.contains('"') => mailbox,
        _ => path,
    }
}

/// `Reverse-path = Path / "<>"`, without the brackets.
pub(super) fn reverse(path: &str) -> Option<ReversePath> {
    if path.is_empty() {
        return Some(ReversePath::Null);
    }
    Address::parse(without_route(path)).ok().map(ReversePath::Address)
}

/// `Forward-path = Path`, and `<Postmaster>` in whatever case (RFC 5321 section 4.5.1).
pub(super) fn forward(path: &str) -> Option<ForwardPath> {
    if path.eq_ignore_ascii_case("postmaster") {
        return Some(ForwardPath::Postmaster);
    }
    Address::parse(without_route(path)).ok().map(ForwardPath::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets() {
        assert_eq!(split("<a@b> SIZE=1"), Some(("a@b", " SIZE=1")));
        assert_eq!(split("<>"), Some(("", "")));
        assert_eq!(split("<\"a>b\"@c>"), Some(("\"a>b\"@c", "")));
        assert_eq!(split("<\"a\\\">b\"@c> X"), Some(("\"a\\\">b\"@c", " X")));
        for bad in ["a@b", "<a@b", "<a@b>SIZE=1", "<\"a@b>", "", "<"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn routes_are_dropped() {
        assert_eq!(reverse("@a,@b:c@d"), Address::parse("c@d").ok().map(ReversePath::Address));
        assert_eq!(forward("@a:c@d"), Address::parse("c@d").ok().map(ForwardPath::Address));
        assert_eq!(forward("@a:"), None);
        assert_eq!(forward("PostMaster"), Some(ForwardPath::Postmaster));
        assert_eq!(forward(""), None);
        assert_eq!(reverse("a b@c"), None);
    }
}
