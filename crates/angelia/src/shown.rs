//! What this program says on stderr, and what it writes as JSON: with nothing in it that steers the terminal of who reads
//! it. Names, replies and headers are strangers' words, and come into nearly every sentence.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// Says a line on stderr, as `eprintln!` does, but shows what steers instead of sending it, and does not mind when nobody
/// listens.
macro_rules! tell {
    ($($sentence:tt)*) => { $crate::shown::say(format_args!($($sentence)*)) };
}
pub(crate) use tell;

/// See [`tell!`].
pub(crate) fn say(sentence: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{}", envelope::shown_lines(&sentence.to_string()));
}

/// JSON for a terminal. Its strings may hold what steers, and serde escapes the C0 controls alone; the rest becomes `\uXXXX`,
/// which reads back as the same.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Between strings there is nothing but ASCII, and of that ends of lines; in them those are escaped already.
        if !envelope::steers(c) || c == '\n' {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// Stderr for the developer's trace.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        io::stderr().lock().write_all(envelope::shown_lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn json_reads_back_as_the_same() {
        let text = "a\u{202e}b\u{9b}31m\u{7f}\u{1b}[2J\n\"\\ κ \u{1f600}\u{2028}";
        for pretty in [false, true] {
            let value = serde_json::json!({ "said": text, "more": [text] });
            let plain = if pretty { format!("{value:#}\n") } else { format!("{value}\n") };
            let safe = json(&plain);
            assert!(safe.chars().all(|c| c == '\n' || !envelope::steers(c)), "{safe:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }
}
