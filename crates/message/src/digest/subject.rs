//! The base subject (RFC 5256 section 2.1): what is left of a subject when `Re:`, `Fwd:`, `[list]` and `(fwd)` are
//! taken away. Its case stays; who compares folds it.

/// Answers the base subject of a subject that is decoded, and whether it was that of a reply or a forward.
///
/// `subj-leader = (*subj-blob subj-refwd) / WSP`, `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`,
/// `subj-blob = "[" *BLOBCHAR "]" *WSP`, `subj-trailer = "(fwd)" / WSP`
pub fn base_subject(subject: &str) -> (String, bool) {
    let mut text = String::with_capacity(subject.len());
    for word in subject.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    let mut rest = text.as_str();
    let mut is_reply = false;
    loop {
        rest = without_trailers(rest, &mut is_reply);
        rest = without_leaders(rest, &mut is_reply);
        // `[Fwd: … ]`
        let inner = rest.get(..5).filter(|head| head.eq_ignore_ascii_case("[fwd:"));
        match inner.and_then(|_| rest.get(5..)).and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => {
                is_reply = true;
                rest = inner;
            }
            None => return (rest.to_owned(), is_reply),
        }
    }
}

fn without_trailers<'a>(mut rest: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        rest = rest.trim_end_matches(' ');
        let start = rest.len().saturating_sub(5);
        match rest.split_at_checked(start) {
            Some((head, tail)) if tail.eq_ignore_ascii_case("(fwd)") => {
                *is_reply = true;
                rest = head;
            }
            _ => return rest,
        }
    }
}

fn without_leaders<'a>(mut rest: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(behind) = leader(rest) {
            *is_reply = true;
            rest = behind;
        } else if let Some(behind) = blob(rest).filter(|behind| !behind.is_empty()) {
            rest = behind;
        } else {
            return rest;
        }
    }
}

/// What stands behind `*subj-blob subj-refwd`.
fn leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(behind) = blob(rest) {
        rest = behind;
    }
    let word = ["fwd", "fw", "re"]
        .into_iter()
        .find(|word| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))?;
    let rest = rest.get(word.len()..)?.trim_start_matches(' ');
    blob(rest).unwrap_or(rest).strip_prefix(':')
}

/// What stands behind `[…]` and blanks.
fn blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    inner.get(end..)?.strip_prefix(']').map(|rest| rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::base_subject;

    #[test]
    fn what_is_left() {
        for (subject, base, is_reply) in [
            ("", "", false),
            ("Hello", "Hello", false),
            ("Re: Hello", "Hello", true),
            ("re:  RE : fwd: Hello\tyou (fwd) (FWD) ", "Hello you", true),
            ("[list] Re: [other] Hello", "Hello", true),
            ("[list] Hello", "Hello", false),
            ("[list]", "[list]", false),
            ("Re[2]: Hello", "Hello", true),
            ("Re: [list]", "[list]", true),
            ("[Fwd: Re: Hello]", "Hello", true),
            ("Rehearsal", "Rehearsal", false),
            ("Fwd:", "", true),
            ("Ελλάδα", "Ελλάδα", false),
            ("Re: é", "é", true),
            ("[un[balanced] x", "[un[balanced] x", false),
        ] {
            assert_eq!(base_subject(subject), (base.to_owned(), is_reply), "{subject:?}");
        }
    }
}
