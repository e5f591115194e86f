//! The REFERENCES algorithm (RFC 5256 section 3): threads by Message-ID, In-Reply-To and References, then by subject.
//!
//! A stranger writes these fields. So nothing here calls itself, and a link that would make a chain of more than
//! [`THREAD_DEPTH_MAX`] is not made, as one is not that would make a circle.

use std::collections::HashMap;

use super::Letter;
use crate::limits::THREAD_DEPTH_MAX;

/// A message, or an id that others refer to and that is not there.
#[derive(Default)]
struct Container {
    /// Place of the message.
    letter: Option<usize>,
    parent: Option<usize>,
}

/// Containers, and where each id has its own.
#[derive(Default)]
struct Table<'a> {
    containers: Vec<Container>,
    by_id: HashMap<&'a str, usize>,
}

impl<'a> Table<'a> {
    fn of_id(&mut self, id: &'a str) -> usize {
        *self.by_id.entry(id).or_insert_with(|| {
            self.containers.push(Container::default());
            self.containers.len() - 1
        })
    }

    /// The message's own container: a second message of the same id gets one that nobody refers to.
    fn of_letter(&mut self, place: usize, letter: &'a Letter) -> usize {
        let own = letter.id.as_deref().map(|id| self.of_id(id));
        let free = own.filter(|at| self.containers.get(*at).is_some_and(|container| container.letter.is_none()));
        let at = free.unwrap_or_else(|| {
            self.containers.push(Container::default());
            self.containers.len() - 1
        });
        if let Some(container) = self.containers.get_mut(at) {
            container.letter = Some(place);
        }
        at
    }

    fn parent(&self, of: usize) -> Option<usize> {
        self.containers.get(of).and_then(|container| container.parent)
    }

    /// Whether `child` may stand below `parent`: not when it stands above it.
    fn may_link(&self, parent: usize, child: usize) -> bool {
        let mut at = Some(parent);
        for _ in 0..THREAD_DEPTH_MAX {
            match at {
                Some(above) if above == child => return false,
                Some(above) => at = self.parent(above),
                None => return true,
            }
        }
        false
    }

    fn link(&mut self, parent: Option<usize>, child: usize) {
        let allowed = parent.is_none_or(|parent| self.may_link(parent, child));
        if let Some(container) = self.containers.get_mut(child).filter(|_| allowed) {
            container.parent = parent;
        }
    }
}

/// For each message the one above it, or the group that it stands in at the top: messages whose common parent is not
/// there.
pub(super) struct Links {
    /// Place of the message above.
    pub(super) parent: Vec<Option<usize>>,
    /// For messages without one: the number of their group.
    pub(super) group: Vec<usize>,
}

/// Steps 1 to 3: who answers whom.
pub(super) fn link(letters: &[Letter]) -> Links {
    let mut table = Table::default();
    let mut own = Vec::with_capacity(letters.len());
    for (place, letter) in letters.iter().enumerate() {
        let mut above: Option<usize> = None;
        for id in &letter.references {
            let at = table.of_id(id);
            // A link that another message has told of stays.
            if above.is_some() && table.parent(at).is_none() {
                table.link(above, at);
            }
            above = Some(at);
        }
        let at = table.of_letter(place, letter);
        if above != Some(at) {
            table.link(above, at);
        }
        own.push(at);
    }
    let mut links = Links { parent: Vec::with_capacity(own.len()), group: Vec::with_capacity(own.len()) };
    for at in own {
        let (mut top, mut parent) = (at, None);
        // What is not there is passed over (step 3).
        for _ in 0..=table.containers.len() {
            let Some(above) = table.parent(top) else { break };
            top = above;
            parent = table.containers.get(above).and_then(|container| container.letter);
            if parent.is_some() {
                break;
            }
        }
        links.parent.push(parent);
        links.group.push(top);
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, references: &[&str]) -> Letter {
        Letter {
            id: (!id.is_empty()).then(|| id.to_owned()),
            references: references.iter().map(|id| (*id).to_owned()).collect(),
            ..Letter::default()
        }
    }

    #[test]
    fn who_answers_whom() {
        let letters = [
            letter("a", &[]),
            letter("b", &["a"]),
            letter("c", &["a", "b"]),
            // Its parent is not here, its grandparent is.
            letter("d", &["a", "x"]),
            // Both answer what is not here.
            letter("e", &["y"]),
            letter("f", &["y"]),
            // The same id twice: the second stands alone.
            letter("a", &[]),
            letter("", &["c"]),
        ];
        let links = link(&letters);
        assert_eq!(links.parent, [None, Some(0), Some(1), Some(0), None, None, None, Some(2)]);
        assert_eq!(links.group[4], links.group[5]);
        assert_ne!(links.group[0], links.group[6]);
    }

    #[test]
    fn circles_and_chains_without_end() {
        let letters =
            [letter("a", &["b"]), letter("b", &["a"]), letter("c", &["c"]), letter("d", &["d", "d", "e", "d"])];
        let links = link(&letters);
        assert_eq!(links.parent, [Some(1), None, None, None]);
        let chain: Vec<Letter> =
            (0..THREAD_DEPTH_MAX * 3).map(|n| letter(&n.to_string(), &[&n.saturating_sub(1).to_string()])).collect();
        let links = link(&chain);
        let roots = links.parent.iter().filter(|parent| parent.is_none()).count();
        assert!((2..20).contains(&roots), "{roots}");
    }
}
