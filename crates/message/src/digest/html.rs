//! The words of an HTML text, roughly: tags become blanks, what nobody sees (head, style, script, comments) is left out,
//! the common character references are read. For a preview and an index, never for display.

/// Appends the text of `html` to `out`, as far as `octets_max`.
pub(super) fn words(html: &str, out: &mut String, octets_max: usize) {
    let mut rest = html;
    while out.len() < octets_max
        && let Some(at) = rest.find(['<', '&'])
    {
        let (text, from) = rest.split_at(at);
        out.push_str(text);
        rest = if from.starts_with('&') { reference(from, out) } else { behind_tag(from, out) };
    }
    if out.len() < octets_max {
        out.push_str(rest);
    }
}

/// `from` begins with `<`.
fn behind_tag<'a>(from: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = from.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let inner = from.get(1..).unwrap_or_default();
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        out.push('<');
        return inner;
    }
    let name_end = inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
    let name = inner.get(..name_end).unwrap_or_default();
    let Some((_, rest)) = inner.split_once('>') else { return "" };
    if !["b", "i", "u", "em", "strong", "span", "font", "a"].iter().any(|plain| {
        name.eq_ignore_ascii_case(plain)
            || inner.strip_prefix('/').is_some_and(|end| end.split('>').next() == Some(plain))
    }) {
        out.push(' ');
    }
    match ["style", "script", "title", "head"].iter().find(|hidden| name.eq_ignore_ascii_case(hidden)) {
        Some(hidden) => behind_end(rest, hidden),
        None => rest,
    }
}

/// What stands from the end tag of `name` on; nothing when it never comes.
fn behind_end<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, from)) = rest.split_once("</") {
        if from.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)) {
            return from.split_once('>').map_or("", |(_, rest)| rest);
        }
        rest = from;
    }
    ""
}

/// `from` begins with `&`.
fn reference<'a>(from: &'a str, out: &mut String) -> &'a str {
    let body = from.get(1..).unwrap_or_default();
    let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(body.len());
    let (name, rest) = body.split_at(end.min(body.len()));
    let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    });
    let read = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        "zwnj" | "zwj" | "shy" => Some('\u{ad}'),
        "ndash" | "mdash" => Some('–'),
        "hellip" => Some('…'),
        _ => number.and_then(char::from_u32),
    };
    match read {
        Some(read) => {
            out.push(read);
            rest.strip_prefix(';').unwrap_or(rest)
        }
        None => {
            out.push('&');
            body
        }
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn what_is_seen() {
        for (html, seen) in [
            ("plain", "plain"),
            ("<p>Hello <b>An</b>na</p>", " Hello Anna "),
            ("<head><title>x</title></head>a<STYLE>p{}</style>b<!-- c -->d", " a bd"),
            ("1 &lt; 2 &amp;&amp; x&#65;&#x42;&bogus;&", "1 < 2 && xAB&bogus;&"),
            ("a < b <unfinished", "a < b "),
            ("<script>never ends", " "),
            ("<", "<"),
        ] {
            let mut out = String::new();
            words(html, &mut out, 1000);
            assert_eq!(out.trim_end(), seen.trim_end(), "{html:?}");
        }
    }
}
