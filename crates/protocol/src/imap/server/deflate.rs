//! COMPRESS=DEFLATE (RFC 4978): what both sides say from there on, as one deflated stream each way.
//!
//! What has come is inflated only as far as the reader has use for it, a piece at a time: what unpacks to a thousand times
//! its size is held no more than anything else.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::imap::limits::INFLATED_OCTETS_MAX;

/// The client's octets are no deflated stream, or the stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Both directions.
#[derive(Debug)]
pub(super) struct Deflate {
    inflate: Decompress,
    deflate: Compress,
    /// Come, and not inflated yet.
    waiting: Vec<u8>,
    /// What was inflated last filled the piece: more may stand in the inflater.
    more: bool,
}

impl Deflate {
    /// `waiting` is what has come already. Fast rather than small: it is text, and the line is no modem.
    pub(super) fn new(waiting: Vec<u8>) -> Self {
        let (inflate, deflate) = (Decompress::new(false), Compress::new(Compression::fast(), false));
        Self { inflate, deflate, waiting, more: false }
    }

    /// Octets of the client.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next piece of what the client says; nothing when more has to come first.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, Broken> {
        let mut plain = Vec::new();
        while plain.is_empty() && (self.more || !self.waiting.is_empty()) {
            plain.reserve_exact(INFLATED_OCTETS_MAX);
            let before = self.inflate.total_in();
            let status = self.inflate.decompress_vec(&self.waiting, &mut plain, FlushDecompress::None);
            let taken = usize::try_from(self.inflate.total_in() - before).unwrap_or(usize::MAX);
            self.waiting.drain(..taken.min(self.waiting.len()));
            self.more = plain.len() >= INFLATED_OCTETS_MAX;
            match status {
                Ok(Status::StreamEnd) if plain.is_empty() => return Err(Broken),
                Err(_) => return Err(Broken),
                Ok(_) if taken == 0 && plain.is_empty() => break,
                Ok(_) => {}
            }
        }
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        Ok(plain)
    }

    /// What we say, ready to be read to its end by the client.
    pub(super) fn write(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(plain.len() / 2 + 64);
        let mut rest = plain;
        loop {
            let before = self.deflate.total_in();
            let status = self.deflate.compress_vec(rest, &mut out, FlushCompress::Sync);
            let taken = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            // Room left over is how the deflater says that everything is out.
            if rest.is_empty() && out.len() < out.capacity() || status.is_err() {
                return out;
            }
            out.reserve(out.capacity().max(64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_is_inflated() {
        let mut ours = Deflate::new(Vec::new());
        let mut theirs = Deflate::new(Vec::new());
        for text in [&b"a noop\r\n"[..], b"", b"x", &b"0123456789abcdef".repeat(20_000)] {
            let wire = ours.write(text);
            let mut heard = Vec::new();
            for piece in wire.chunks(7) {
                theirs.take(piece);
                loop {
                    let plain = theirs.read().unwrap();
                    assert!(plain.len() <= INFLATED_OCTETS_MAX);
                    if plain.is_empty() {
                        break;
                    }
                    heard.extend(plain);
                }
            }
            assert!(heard == text);
        }
    }

    #[test]
    fn what_is_no_stream() {
        // A block of the kind that there is none of (RFC 1951 section 3.2.3).
        let mut theirs = Deflate::new(vec![0xff; 9]);
        assert_eq!(theirs.read(), Err(Broken));
    }
}
