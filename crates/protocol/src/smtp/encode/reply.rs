//! Replies as a server writes them (RFC 5321 section 4.2): every line with its code and its enhanced code (RFC 2034).

use std::io::Write;

use envelope::Reply;

/// The longest line of text we write: RFC 5321 section 4.5.3.1.5 wants 512 octets with the codes and the CRLF.
const TEXT_OCTETS_MAX: usize = 480;

/// Appends a reply. Control characters in its text become blanks: nobody smuggles a line into our answer.
pub fn reply(out: &mut Vec<u8>, reply: &Reply) {
    let mut lines = reply.text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let more = if lines.peek().is_some() { '-' } else { ' ' };
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{}{more}", reply.code);
        if let Some(enhanced) = reply.enhanced {
            let _ = write!(out, "{enhanced} ");
        }
        let line = line.get(..line.floor_char_boundary(TEXT_OCTETS_MAX)).unwrap_or_default();
        out.extend(line.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut out = Vec::new();
        reply(&mut out, &Reply::new(550, (5, 1, 1), "no such user\nhere\rX"));
        reply(&mut out, &Reply::plain(354, "go on"));
        reply(&mut out, &Reply::plain(250, ""));
        assert_eq!(out, b"550-5.1.1 no such user\r\n550 5.1.1 here X\r\n354 go on\r\n250 \r\n");
    }
}
