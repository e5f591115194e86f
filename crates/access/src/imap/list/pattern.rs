//! Patterns of LIST and LSUB (RFC 3501 section 6.3.8).

/// `*` stands for anything, `%` for anything but a delimiter. INBOX has no case.
///
/// Linear for each wildcard: the last `*` and the last `%` are the only places ever gone back to.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    if name == "INBOX" && pattern.eq_ignore_ascii_case("INBOX") {
        return true;
    }
    let pattern = match pattern.get(..5) {
        Some(start) if name.starts_with("INBOX") && start.eq_ignore_ascii_case("INBOX") => {
            ["INBOX", pattern.get(5..).unwrap_or_default()].concat()
        }
        _ => pattern.to_owned(),
    };
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on behind a wildcard when what follows it does not fit: (place behind it, next octet of the name).
    let mut star: Option<(usize, usize)> = None;
    let mut percent: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                (star, percent) = (Some((p, n)), None);
            }
            (Some(b'%'), _) => {
                p += 1;
                percent = Some((p, n));
            }
            (Some(a), Some(b)) if a == b => (p, n) = (p + 1, n + 1),
            _ => {
                if let Some((behind, from)) = percent
                    && name.get(from).is_some_and(|octet| *octet != b'/')
                {
                    percent = Some((behind, from + 1));
                    (p, n) = (behind, from + 1);
                } else if let Some((behind, from)) = star
                    && from < name.len()
                {
                    (star, percent) = (Some((behind, from + 1)), None);
                    (p, n) = (behind, from + 1);
                } else {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        for (pattern, name, fits) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("%/%", "a/b", true),
            ("%/%", "a/b/c", false),
            ("a%", "abc", true),
            ("a%c", "abbc", true),
            ("a%c", "ab/c", false),
            ("a*c", "ab/c", true),
            ("a*b*c", "axbybzc", true),
            ("a*b*c", "axbybz", false),
            ("inbox", "INBOX", true),
            ("InBox/%", "INBOX/x", true),
            ("inbox", "inboxes", false),
            ("I%", "INBOX", true),
            ("", "a", false),
            ("a", "a/b", false),
            ("*%", "a/b", true),
            ("%*", "a/b", true),
            ("%b*", "aab/c", true),
            ("*a%b", "x/axa/ayb", true),
            ("Entw%", "Entwürfe", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        // No pattern makes it slow.
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!matches(&"%a".repeat(200), &"a".repeat(199)));
    }
}
