//! The one question of line ends, asked of every octet of every body: is there a CR without LF, or a LF without CR?

/// Whether `bytes`, which follow `previous`, hold a bare CR or LF. A CR at their very end is not judged: what comes
/// next decides.
///
/// No branch and no search: the compiler makes vector code of it, so that it costs less than copying the bytes.
pub(super) fn are_bare(previous: u8, bytes: &[u8]) -> bool {
    let Some((first, rest)) = bytes.split_first() else { return false };
    let mut bare = (previous == b'\r') != (*first == b'\n');
    for (a, b) in bytes.iter().zip(rest) {
        bare |= (*a == b'\r') != (*b == b'\n');
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare() {
        for good in ["", "a", "a\r\nb", "\r\n", "a\r", "\r\n\r\n"] {
            assert!(!are_bare(b'\n', good.as_bytes()), "{good:?}");
        }
        for bad in ["\n", "a\n", "a\rb", "\r\r\n", "\r\n\n", "\n\r"] {
            assert!(are_bare(b'\n', bad.as_bytes()), "{bad:?}");
        }
        assert!(!are_bare(b'\r', b"\na"));
        assert!(are_bare(b'\r', b"a"));
    }
}
