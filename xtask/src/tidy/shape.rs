//! The shape of a source: its header, its length, and the length of its functions. Tests stand apart.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::Findings;
use super::tree::{File, Tree};

/// Above this a file has two subjects. Tests do not count.
const FILE_LINES_MAX: usize = 500;
/// Above this a function does two things; the tail of long functions is what makes mail servers hard to read.
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for file in tree.rust_files() {
        if !file.text.starts_with("//!") {
            findings.add(&file.path, "begins without `//!`: say what it is, why, and what it refuses");
        }
        match syn::parse_file(&file.text) {
            Ok(syntax) => check_lengths(file, &syntax, findings),
            Err(error) => findings.add(&file.path, format!("does not parse: {error}")),
        }
    }
}

fn check_lengths(file: &File, syntax: &syn::File, findings: &mut Findings) {
    let tests: usize = syntax.items.iter().filter(|item| is_test_module(item)).map(lines_of).sum();
    let lines = file.text.lines().count().saturating_sub(tests);
    if lines > FILE_LINES_MAX && !file.is_test() {
        findings.add(&file.path, format!("{lines} lines without tests; {FILE_LINES_MAX} at most"));
    }
    let mut functions = Functions::default();
    functions.visit_file(syntax);
    for (name, line, length) in functions.long {
        let place = format!("{}:{line}", file.path);
        findings.add(place, format!("fn {name} has {length} lines; {FUNCTION_LINES_MAX} at most"));
    }
}

fn is_test_module(item: &syn::Item) -> bool {
    let syn::Item::Mod(module) = item else { return false };
    module.content.is_some() && module.attrs.iter().any(is_cfg_test)
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
}

fn lines_of(item: &syn::Item) -> usize {
    let span = item.span();
    span.end().line + 1 - span.start().line
}

/// Collects functions that are too long. Their comments and attributes above do not count.
#[derive(Default)]
struct Functions {
    /// Name, first line, lines.
    long: Vec<(String, usize, usize)>,
}

impl Functions {
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let length = block.span().end().line + 1 - first;
        if length > FUNCTION_LINES_MAX {
            self.long.push((signature.ident.to_string(), first, length));
        }
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.note(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.note(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.note(&function.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}
