//! THREAD (RFC 5256): what a search has found, as trees.

mod references;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use protocol::imap::encode::{Forest, Node};
use protocol::imap::{Thread, ThreadAlgorithm};

use super::sort::Sortable;
use super::talk::Talk;
use super::trouble::Trouble;

/// What threads are made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Letter {
    /// Sequence number or UID, as the answer wants it.
    pub(super) number: u32,
    /// Sent date in seconds; the internal date when there is none that can be read.
    pub(super) sent: i64,
    /// Base subject, case folded.
    pub(super) subject: String,
    /// The subject is that of an answer, or of a letter sent on.
    pub(super) is_reply: bool,
    /// Message-ID.
    pub(super) id: Option<String>,
    /// The ids of the letters above, the oldest first.
    pub(super) references: Vec<String>,
}

impl Talk {
    pub(super) async fn thread(&mut self, thread: &Thread) -> Result<(), Trouble> {
        let Some(found) = self.find(&thread.key, Some(&thread.charset)).await? else { return Ok(()) };
        if self.is_cut() {
            return Ok(());
        }
        let Some(rows) = self.sortables(&found).await? else { return Ok(()) };
        let letters: Vec<Letter> = rows.into_iter().map(|row| letter(row, thread.uid)).collect();
        let forest = match thread.algorithm {
            ThreadAlgorithm::OrderedSubject => by_subject(&letters),
            ThreadAlgorithm::References => by_references(&letters),
        };
        forest.encode(self.line.session().output());
        self.done(thread.uid, "THREAD").await
    }
}

fn letter(row: Sortable, uid: bool) -> Letter {
    Letter {
        number: if uid { row.uid } else { row.seq },
        sent: row.sent,
        subject: row.subject,
        is_reply: row.is_reply,
        id: row.id,
        references: row.references,
    }
}

/// By date, then by number (RFC 5256 section 2.2).
fn earlier(letters: &[Letter], a: usize, b: usize) -> Ordering {
    let key = |at: usize| letters.get(at).map(|letter| (letter.sent, letter.number));
    key(a).cmp(&key(b))
}

fn nodes(letters: &[Letter]) -> Vec<Node> {
    letters.iter().map(|letter| Node { number: Some(letter.number), children: Vec::new() }).collect()
}

/// ORDEREDSUBJECT: all of one subject are answers to the first of them.
fn by_subject(letters: &[Letter]) -> Forest {
    let mut order: Vec<usize> = (0..letters.len()).collect();
    order.sort_by(|a, b| earlier(letters, *a, *b));
    let mut forest = Forest { nodes: nodes(letters), roots: Vec::new() };
    let mut first: HashMap<&str, usize> = HashMap::new();
    for at in order {
        let Some(letter) = letters.get(at) else { continue };
        match first.get(letter.subject.as_str()) {
            Some(root) => {
                if let Some(root) = forest.nodes.get_mut(*root) {
                    root.children.push(at);
                }
            }
            None => {
                first.insert(&letter.subject, at);
                forest.roots.push(at);
            }
        }
    }
    forest
}

/// REFERENCES, steps 3 to 6.
fn by_references(letters: &[Letter]) -> Forest {
    let links = references::link(letters);
    let mut forest = Forest { nodes: nodes(letters), roots: Vec::new() };
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut order: Vec<usize> = (0..letters.len()).collect();
    order.sort_by(|a, b| earlier(letters, *a, *b));
    // In their order, so that children and groups are in it too.
    let mut group_order = Vec::new();
    for at in order {
        match links.parent.get(at).copied().flatten() {
            Some(parent) => {
                if let Some(parent) = forest.nodes.get_mut(parent) {
                    parent.children.push(at);
                }
            }
            None => {
                let group = links.group.get(at).copied().unwrap_or(usize::MAX);
                let members = groups.entry(group).or_default();
                if members.is_empty() {
                    group_order.push(group);
                }
                members.push(at);
            }
        }
    }
    for group in group_order {
        match groups.remove(&group).unwrap_or_default().as_slice() {
            [one] => forest.roots.push(*one),
            several => {
                forest.nodes.push(Node { number: None, children: several.to_vec() });
                forest.roots.push(forest.nodes.len() - 1);
            }
        }
    }
    gather(letters, &mut forest);
    forest
}

/// The message that a root is known by: itself, or the first below it.
fn head_letter<'a>(letters: &'a [Letter], forest: &Forest, root: usize) -> Option<&'a Letter> {
    let node = forest.nodes.get(root)?;
    let place = if node.number.is_some() { root } else { *node.children.first()? };
    letters.get(place)
}

/// Whether the root only holds its children together.
fn is_empty(forest: &Forest, root: usize) -> bool {
    forest.nodes.get(root).is_some_and(|node| node.number.is_none())
}

/// For each subject the root that the others go to: one without a letter if there is one, else one that answers nobody.
fn heads<'a>(letters: &'a [Letter], forest: &Forest) -> HashMap<&'a str, usize> {
    let mut heads: HashMap<&str, usize> = HashMap::new();
    for root in &forest.roots {
        let letter = head_letter(letters, forest, *root).filter(|letter| !letter.subject.is_empty());
        let Some(letter) = letter else { continue };
        let known = heads.entry(&letter.subject).or_insert(*root);
        let is_reply = head_letter(letters, forest, *known).is_some_and(|other| other.is_reply);
        if !is_empty(forest, *known) && (is_empty(forest, *root) || is_reply && !letter.is_reply) {
            *known = *root;
        }
    }
    heads
}

/// Step 5: roots of one subject become one thread; step 6: in the order of their first letters.
fn gather(letters: &[Letter], forest: &mut Forest) {
    let mut heads = heads(letters, forest);
    let mut adopted: HashSet<usize> = HashSet::new();
    let mut added = Vec::new();
    for root in forest.roots.clone() {
        let Some(letter) = head_letter(letters, forest, root) else { continue };
        let Some(head) = heads.get(letter.subject.as_str()).copied() else { continue };
        if head == root || adopted.contains(&root) {
            continue;
        }
        adopted.insert(root);
        let head_is_empty = is_empty(forest, head);
        if head_is_empty && is_empty(forest, root) {
            let node = forest.nodes.get_mut(root);
            let children = node.map(|node| std::mem::take(&mut node.children)).unwrap_or_default();
            adopt(letters, forest, head, &children);
        } else if head_is_empty || letter.is_reply && head_letter(letters, forest, head).is_none_or(|h| !h.is_reply) {
            adopt(letters, forest, head, &[root]);
        } else {
            // Both stand for themselves: one root without a letter over them.
            forest.nodes.push(Node { number: None, children: Vec::new() });
            let over = forest.nodes.len() - 1;
            adopt(letters, forest, over, &[head, root]);
            adopted.insert(head);
            added.push(over);
            heads.insert(&letter.subject, over);
        }
    }
    let mut roots = std::mem::take(&mut forest.roots);
    roots.retain(|root| !adopted.contains(root));
    roots.extend(added);
    roots.sort_by_cached_key(|root| head_letter(letters, forest, *root).map(|letter| (letter.sent, letter.number)));
    forest.roots = roots;
}

/// More children, in the order of their dates.
fn adopt(letters: &[Letter], forest: &mut Forest, parent: usize, children: &[usize]) {
    let Some(node) = forest.nodes.get_mut(parent) else { return };
    node.children.extend_from_slice(children);
    node.children.sort_by(|a, b| earlier(letters, *a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: u32, subject: &str, id: &str, references: &[&str]) -> Letter {
        Letter {
            number,
            sent: number.into(),
            subject: subject.trim_start_matches("Re: ").to_owned(),
            is_reply: subject.starts_with("Re: "),
            id: (!id.is_empty()).then(|| id.to_owned()),
            references: references.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    fn told(forest: &Forest) -> String {
        let mut out = Vec::new();
        forest.encode(&mut out);
        String::from_utf8(out).unwrap().trim_start_matches("* THREAD").trim().to_owned()
    }

    #[test]
    fn threads_by_references() {
        for (letters, expected) in [
            (vec![], ""),
            (vec![letter(1, "a", "a", &[]), letter(2, "b", "b", &[])], "(1)(2)"),
            (
                vec![letter(1, "a", "a", &[]), letter(2, "Re: a", "b", &["a"]), letter(3, "Re: a", "c", &["a", "b"])],
                "(1 2 3)",
            ),
            (
                vec![letter(1, "a", "a", &[]), letter(2, "Re: a", "b", &["a"]), letter(3, "Re: a", "c", &["a"])],
                "(1 (2)(3))",
            ),
            // Two answers to what is not here.
            (vec![letter(1, "Re: a", "a", &["x"]), letter(2, "Re: a", "b", &["x"])], "((1)(2))"),
            // By subject: an answer below what it answers, whichever came first.
            (vec![letter(1, "Re: a", "a", &[]), letter(2, "a", "b", &[])], "(2 1)"),
            (vec![letter(1, "a", "a", &[]), letter(2, "Re: a", "b", &[])], "(1 2)"),
            // Two that answer nobody stand side by side.
            (vec![letter(1, "a", "a", &[]), letter(2, "a", "b", &[]), letter(3, "a", "c", &[])], "((1)(2)(3))"),
            // No subject gathers nothing.
            (vec![letter(1, "", "a", &[]), letter(2, "", "b", &[])], "(1)(2)"),
            (
                vec![
                    letter(1, "Re: a", "a", &["x"]),
                    letter(2, "Re: a", "b", &["x"]),
                    letter(3, "Re: a", "c", &["y"]),
                    letter(4, "Re: a", "d", &["y"]),
                ],
                "((1)(2)(3)(4))",
            ),
        ] {
            assert_eq!(told(&by_references(&letters)), expected, "{letters:?}");
        }
    }

    #[test]
    fn threads_by_subject() {
        let letters = [
            letter(1, "a", "", &[]),
            letter(2, "b", "", &[]),
            letter(3, "Re: a", "", &[]),
            letter(4, "Re: a", "", &[]),
            letter(5, "Re: b", "", &[]),
        ];
        assert_eq!(told(&by_subject(&letters)), "(1 (3)(4))(2 5)");
    }

    /// Every message once, whatever a stranger writes into the fields.
    #[test]
    fn nothing_is_lost() {
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..300 {
            let count = random(12) as u32;
            let letters: Vec<Letter> = (1..=count)
                .map(|number| {
                    let subject = ["", "a", "Re: a", "b"][random(4) as usize];
                    let id = random(8).to_string();
                    let references: Vec<String> = (0..random(4)).map(|_| random(8).to_string()).collect();
                    let references: Vec<&str> = references.iter().map(String::as_str).collect();
                    letter(number, subject, &id, &references)
                })
                .collect();
            let text = told(&by_references(&letters));
            let mut numbers: Vec<u32> = text
                .split(|c: char| !c.is_ascii_digit())
                .filter(|word| !word.is_empty())
                .map(|word| word.parse().unwrap())
                .collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{letters:?}: {text}");
        }
    }
}
