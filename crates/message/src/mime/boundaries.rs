//! The boundaries that are open at one place of a message.
//!
//! `dash-boundary := "--" boundary`, at the start of a line only; then `--` for the last; then the line end, or a
//! blank and whatever a relay put there (RFC 2046 section 5.1.1 asks only for the boundary in its entirety). What goes
//! on without a blank is another boundary: `--abc` is not met by `--abcdef`.

use crate::limits::BOUNDARY_OCTETS_MAX;

/// What a boundary line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which of the open parts it belongs to: an index into the path of open parts.
    pub(super) depth: usize,
    /// `--boundary--`: no part follows.
    pub(super) last: bool,
}

struct Open {
    boundary: Box<[u8]>,
    depth: usize,
}

/// The open boundaries, outermost first.
#[derive(Default)]
pub(super) struct Boundaries(Vec<Open>);

impl Boundaries {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens one for the part at `depth`. `false` when no line could be recognised by it.
    pub(super) fn open(&mut self, boundary: &str, depth: usize) -> bool {
        let fits = boundary.len() <= BOUNDARY_OCTETS_MAX && !boundary.contains(['\r', '\n']);
        if fits {
            self.0.push(Open { boundary: boundary.as_bytes().into(), depth });
        }
        fits
    }

    /// Closes every boundary of a part deeper than `depth`, and with `itself` the one at `depth`.
    pub(super) fn close_below(&mut self, depth: usize, itself: bool) {
        self.0.retain(|open| open.depth < depth || (open.depth == depth && !itself));
    }

    /// Whether `line`, without its line end, is a boundary line. The innermost boundary is asked first.
    pub(super) fn hit(&self, line: &[u8]) -> Option<Hit> {
        let rest = line.strip_prefix(b"--")?;
        self.0.iter().rev().find_map(|open| {
            let tail = rest.strip_prefix(&*open.boundary)?;
            let (tail, last) = tail.strip_prefix(b"--").map_or((tail, false), |tail| (tail, true));
            matches!(tail.first(), None | Some(b' ' | b'\t')).then_some(Hit { depth: open.depth, last })
        })
    }
}
