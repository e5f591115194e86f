//! The configuration has one definition, the table in the code; docs/config.md and the sample say the same.
//!
//! A key is a string literal of the field `name` in a file of `crates/angelia/src/config/keys/`: `section.key`.

use std::collections::BTreeSet;

use syn::visit::Visit;

use super::Findings;
use super::tree::Tree;

const CODE: &str = "crates/angelia/src/config/keys/";
const DOCS: &str = "docs/config.md";
const SAMPLE: &str = "etc/angelia.toml";

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let mut names = Names::default();
    for file in tree.files.iter().filter(|file| file.path.starts_with(CODE)) {
        if let Ok(syntax) = syn::parse_file(&file.text) {
            names.visit_file(&syntax);
        }
    }
    if names.0.is_empty() {
        findings.add(CODE, "has no key (a struct literal with `name: \"section.key\"`)");
    }
    let docs = tree.file(DOCS).map(|file| documented(&file.text));
    let sample = tree.file(SAMPLE).map(|file| sampled(&file.text));
    for (place, found) in [(DOCS, docs), (SAMPLE, sample)] {
        let Some(found) = found else {
            findings.add(place, "is missing");
            continue;
        };
        for name in names.0.difference(&found) {
            findings.add(place, format!("lacks the key `{name}`"));
        }
        for name in found.difference(&names.0) {
            findings.add(place, format!("has the key `{name}`, which the program does not know"));
        }
    }
}

/// Collects the literals of every field called `name`.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl<'a> Visit<'a> for Names {
    fn visit_field_value(&mut self, field: &'a syn::FieldValue) {
        let is_name = matches!(&field.member, syn::Member::Named(ident) if ident == "name");
        if let (true, syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) = (is_name, &field.expr) {
            self.0.insert(text.value());
        }
        syn::visit::visit_field_value(self, field);
    }
}

/// Keys at the head of a table row or a heading: `` | `queue.retry` `` or `` ### `queue.retry` ``.
fn documented(text: &str) -> BTreeSet<String> {
    let head = |line: &str| {
        let line = line.trim_start_matches(['|', '#', ' ']);
        line.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(key, _)| key.to_owned())
    };
    let heads = text.lines().filter(|line| line.starts_with(['|', '#'])).filter_map(head);
    heads.filter(|key| is_key(key)).collect()
}

/// Keys of a TOML file, whether set or commented out; a comment that only looks like prose is none.
fn sampled(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.0.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
            keys.insert(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") });
        }
    }
    keys
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{documented, sampled};

    #[test]
    fn keys_are_found_where_they_stand() {
        let docs =
            "# Keys\n| `name` | what |\n|---|---|\n| `queue.retry_seconds` | `x` |\n### `tls.file`\nsee `other`\n";
        assert_eq!(documented(docs).into_iter().collect::<Vec<_>>(), ["name", "queue.retry_seconds", "tls.file"]);
        let sample = "name = \"x\"\n# [queue]\n# retry_seconds = 1\n# This is prose = nothing\n[tls]\nfile = \"y\"\n";
        assert_eq!(sampled(sample).into_iter().collect::<Vec<_>>(), ["name", "queue.retry_seconds", "tls.file"]);
    }
}
