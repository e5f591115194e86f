//! THREAD responses (RFC 5256 section 4): trees as parentheses. Trees may be as deep as mailboxes are long, so nothing here
//! calls itself.

use super::number;

/// Threads: nodes by their places, so that a tree is as deep as it likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forest {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The threads' first nodes, in order.
    pub roots: Vec<usize>,
}

/// A message in a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Sequence number or UID; none for a root that only holds its children together.
    pub number: Option<u32>,
    /// Their places, in order.
    pub children: Vec<usize>,
}

/// What is still to be written.
enum Piece {
    Node(usize),
    Close,
}

impl Forest {
    /// `* THREAD (2)(3 6 (4 23)(44 7 96))`
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"* THREAD");
        if !self.roots.is_empty() {
            out.push(b' ');
        }
        for root in &self.roots {
            out.push(b'(');
            self.thread(out, *root);
            out.push(b')');
        }
        out.extend_from_slice(b"\r\n");
    }

    fn thread(&self, out: &mut Vec<u8>, root: usize) {
        let mut stack = vec![Piece::Node(root)];
        while let Some(piece) = stack.pop() {
            let Piece::Node(place) = piece else {
                out.push(b')');
                continue;
            };
            let Some(node) = self.nodes.get(place) else { continue };
            if out.last() == Some(&b')') {
                out.push(b'(');
            }
            if let Some(value) = node.number {
                number(out, value.into());
            }
            match node.children.as_slice() {
                [] => {}
                [one] => {
                    out.push(b' ');
                    stack.push(Piece::Node(*one));
                }
                several => {
                    out.extend_from_slice(if node.number.is_some() { b" (" } else { b"(" });
                    for child in several.iter().rev() {
                        stack.push(Piece::Close);
                        stack.push(Piece::Node(*child));
                    }
                }
            }
        }
    }
}
