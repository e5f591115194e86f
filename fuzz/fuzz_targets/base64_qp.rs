//! Transfer encodings: pieces change nothing, and what is encoded decodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::encoding::{TransferEncoding, base64, quoted_printable};

fuzz_target!(|data: &[u8]| {
    for encoding in [TransferEncoding::Base64, TransferEncoding::QuotedPrintable] {
        let whole = encoding.decode(data);
        let mut pieces = Vec::new();
        let mut decoder = encoding.decoder();
        data.chunks(5).for_each(|chunk| decoder.push(chunk, &mut pieces));
        decoder.finish(&mut pieces);
        assert_eq!(pieces, *whole);
    }
    assert_eq!(base64::decode(&base64::encode_lines(data)), data);
    assert_eq!(quoted_printable::decode(&quoted_printable::encode_binary(data)), data);
    let text = quoted_printable::encode_text(data);
    assert!(text.is_ascii() && text.split(|b| *b == b'\n').all(|line| line.len() <= 77));
});
