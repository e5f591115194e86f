//! The file as it stands: each key with its value and its line. Whatever is not in the table of keys is refused here.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::keys;

/// What was found, by the key's name.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// It is no TOML.
    pub(super) broken: bool,
    found: BTreeMap<&'static str, Found>,
    /// Where each key stands, also when it has been taken.
    lines: BTreeMap<&'static str, usize>,
    /// Sections of which there can be several, in their order.
    lists: BTreeMap<String, Vec<Entry>>,
}

/// One of several sections of a name.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) raw: Raw,
    /// Where it begins.
    pub(super) line: usize,
}

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) value: Value,
    /// From 1.
    pub(super) line: usize,
}

/// What TOML has that we use.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<Value>),
    /// A float, a date, a table in a list: never right.
    Other(&'static str),
}

impl Value {
    /// Reads one value, as it would stand in a file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let line = format!("value = {text}");
        let table = DeTable::parse(&line).ok()?;
        table.get_ref().get("value").map(|value| convert(value.get_ref()))
    }

    /// As it would stand in a file.
    pub(super) fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => toml::Value::String(text.clone()).to_string(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::List(list) => format!("[{}]", list.iter().map(Self::to_toml).collect::<Vec<_>>().join(", ")),
            Self::Other(what) => format!("({what})"),
        }
    }
}

impl Raw {
    /// Reads the text; every problem is reported, not only the first.
    pub(super) fn parse(text: &str) -> (Self, Vec<Problem>) {
        let mut reader = Reader { text, raw: Self::default(), problems: Vec::new() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map(|span| reader.line(&span));
            reader.problems.push(Problem { line, text: error.message().replace('\n', ", ") });
        }
        // What a slip of syntax does to the rest is guesswork; it is mended first.
        if reader.problems.is_empty() {
            reader.table("", table.get_ref());
        } else {
            reader.raw.broken = true;
        }
        (reader.raw, reader.problems)
    }

    pub(super) fn take(&mut self, name: &'static str) -> Option<Found> {
        self.found.remove(name)
    }

    /// Where a key stands in the file, if it does.
    pub(super) fn line(&self, name: &str) -> Option<usize> {
        self.lines.get(name).copied()
    }

    /// All sections of a name of which there can be several.
    pub(super) fn take_list(&mut self, section: &str) -> Vec<Entry> {
        self.lists.remove(section).unwrap_or_default()
    }
}

struct Reader<'a> {
    text: &'a str,
    raw: Raw,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name =
                if section.is_empty() { key.get_ref().to_string() } else { format!("{section}.{}", key.get_ref()) };
            let line = self.line(&key.span());
            match (keys::find(&name), value.get_ref()) {
                (Some(key), value) => {
                    self.raw.lines.insert(key.name, line);
                    self.raw.found.insert(key.name, Found { value: convert(value), line });
                }
                (None, DeValue::Array(list)) if keys::is_list(&name) => self.list(&name, list, line),
                (None, DeValue::Table(inner)) if is_section(&name) && !keys::is_list(&name) => self.table(&name, inner),
                (None, value) => self.unknown(&name, value, line),
            }
        }
    }

    /// Sections of one name, each read for itself.
    fn list(&mut self, name: &str, list: &[Spanned<DeValue<'_>>], line: usize) {
        for item in list {
            let DeValue::Table(table) = item.get_ref() else {
                return self.unknown(name, item.get_ref(), line);
            };
            let outer = std::mem::take(&mut self.raw);
            self.table(name, table);
            let raw = std::mem::replace(&mut self.raw, outer);
            let line = self.line(&item.span());
            self.raw.lists.entry(name.to_owned()).or_default().push(Entry { raw, line });
        }
    }

    fn unknown(&mut self, name: &str, value: &DeValue<'_>, line: usize) {
        let text = if keys::is_list(name) {
            format!("there can be several of `{name}`; write `[[{name}]]` and the keys of one below it")
        } else if is_section(name) {
            format!("`{name}` is a section; write `[{name}]` and its keys below it")
        } else if let (DeValue::Table(_) | DeValue::Array(_), Some(section)) = (value, nearest_section(name, value)) {
            format!("there is no section `[{name}]`; did you mean `{section}`?")
        } else if let Some(key) = nearest(name, keys::all().map(|key| key.name)) {
            format!("there is no key `{name}`; did you mean `{key}`?")
        } else {
            format!("there is no key `{name}`; `angelia config show --all` lists them")
        };
        self.problems.push(Problem { line: Some(line), text });
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

fn convert(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number too large"), Value::Number),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Array(list) => Value::List(list.iter().map(Spanned::get_ref).map(convert).collect()),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a section"),
    }
}

fn sections() -> impl Iterator<Item = &'static str> {
    keys::all().filter_map(|key| key.name.split_once('.').map(|(section, _)| section))
}

/// As it is written. A list of values may rather be a key that is misspelt.
fn nearest_section(name: &str, value: &DeValue<'_>) -> Option<String> {
    if let DeValue::Array(list) = value
        && !list.iter().all(|item| matches!(item.get_ref(), DeValue::Table(_)))
    {
        return None;
    }
    nearest(name, sections())
        .map(|section| if keys::is_list(section) { format!("[[{section}]]") } else { format!("[{section}]") })
}

fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

/// The candidate that is fewest changes away, if that is near. A key under a wrong section is near as well.
fn nearest(name: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let near = |candidate: &&'static str| {
        let moved = last(name) == last(candidate) && last(name) != "listen";
        if moved { 1 } else { distance(name, candidate) }
    };
    let best = candidates.map(|candidate| (near(&candidate), candidate)).min()?;
    (best.0 <= (name.chars().count() / 3).max(2)).then_some(best.1)
}

/// Insertions, deletions and replacements (Levenshtein). Both are short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key() {
        let key = |name| nearest(name, keys::all().map(|key| key.name));
        assert_eq!(key("hostnam"), Some("hostname"));
        assert_eq!(key("queue.retryfirst"), Some("queue.retry_first"));
        assert_eq!(key("smtp.lisen"), Some("smtp.listen"));
        assert_eq!(key("message_size"), Some("limits.message_size"));
        assert_eq!(key("favourite_colour"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
