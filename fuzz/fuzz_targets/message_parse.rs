//! Structure: ranges lie inside each other, chunks change nothing, every part decodes, every view is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::mime::{Options, PartId, Scanner, Structure};

fuzz_target!(|data: &[u8]| {
    // The first octet chooses the size of the chunks.
    let Some((step, message)) = data.split_first() else { return };
    let whole = Structure::parse(message);
    let mut scanner = Scanner::new(Options::default());
    message.chunks(usize::from(*step) + 1).for_each(|chunk| scanner.push(chunk));
    assert_eq!(scanner.finish(), whole);
    for (index, part) in whole.parts().iter().enumerate() {
        assert!(part.span().end <= message.len() && part.header.end == part.body.start);
        if let Some(parent) = part.parent.and_then(|id| whole.part(id)) {
            assert!(parent.body.contains(part.span()));
        }
        assert_eq!(part.body_lines, part.body.of(message).iter().filter(|b| **b == b'\n').count());
        let _ = part.text(message).len() + part.content.file_name().map_or(0, |name| name.len());
        assert!(whole.body_structure_of(PartId(index)).is_some());
    }
});
