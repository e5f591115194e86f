//! Domains as an operator writes them in a list: `example.org` is that name, `.example.org` (or `*.example.org`) is every
//! name below it, but not itself.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use envelope::{Domain, DomainError};

/// One entry of such a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DomainPattern {
    /// This name.
    Exact(Domain),
    /// Every name below this one.
    Below(Domain),
}

impl DomainPattern {
    /// Whether the name is meant.
    pub fn matches(&self, domain: &Domain) -> bool {
        match self {
            Self::Exact(name) => name == domain,
            Self::Below(parent) => domain != parent && domain.is_within(parent),
        }
    }

    /// Whether every name that `other` means is meant by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(name)) => self.matches(name),
            (Self::Below(parent), Self::Below(name)) => name.is_within(parent),
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

impl FromStr for DomainPattern {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            Some(parent) => Domain::parse(parent).map(Self::Below),
            None => Domain::parse(text).map(Self::Exact),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "{name}"),
            Self::Below(parent) => write!(f, ".{parent}"),
        }
    }
}

/// A list of them, in which finding a name costs as many looks as the name has labels, however long the list is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainSet {
    patterns: Vec<DomainPattern>,
    exact: HashSet<Box<str>>,
    below: HashSet<Box<str>>,
}

impl DomainSet {
    /// The list.
    pub fn new(patterns: Vec<DomainPattern>) -> Self {
        let mut set = Self { patterns, ..Self::default() };
        for pattern in &set.patterns {
            match pattern {
                DomainPattern::Exact(name) => set.exact.insert(name.as_str().into()),
                DomainPattern::Below(parent) => set.below.insert(parent.as_str().into()),
            };
        }
        set
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Its entries, as they were written.
    pub fn patterns(&self) -> &[DomainPattern] {
        &self.patterns
    }

    /// Whether an entry means the name.
    pub fn contains(&self, domain: &Domain) -> bool {
        let name = domain.as_str();
        self.exact.contains(name)
            || name
                .match_indices('.')
                .any(|(dot, _)| name.get(dot + 1..).is_some_and(|above| self.below.contains(above)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> DomainPattern {
        text.parse().unwrap()
    }

    #[test]
    fn which_names_are_meant() {
        let set = DomainSet::new([".b.test", "a.test", "*.C.d.test"].map(pattern).to_vec());
        for (name, wanted) in [
            ("a.test", true),
            ("x.a.test", false),
            ("b.test", false),
            ("x.b.test", true),
            ("y.x.b.test", true),
            ("xb.test", false),
            ("c.d.test", false),
            ("x.c.d.test", true),
            ("test", false),
        ] {
            let domain = Domain::parse(name).unwrap();
            assert_eq!(set.contains(&domain), wanted, "{name}");
            assert_eq!(set.patterns().iter().any(|pattern| pattern.matches(&domain)), wanted, "{name}");
        }
        assert!(DomainSet::default().is_empty() && !set.is_empty());
    }

    #[test]
    fn what_covers_what() {
        for (one, other, wanted) in [
            ("a.test", "a.test", true),
            ("a.test", ".a.test", false),
            (".a.test", "a.test", false),
            (".a.test", "x.a.test", true),
            (".a.test", ".a.test", true),
            (".a.test", ".x.a.test", true),
            (".x.a.test", ".a.test", false),
        ] {
            assert_eq!(pattern(one).covers(&pattern(other)), wanted, "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in ["", ".", "*.", "*", "..a", "a..b", "*a.test", "a b"] {
            assert!(bad.parse::<DomainPattern>().is_err(), "{bad:?}");
        }
        assert_eq!(pattern("*.A.test").to_string(), ".a.test");
    }
}
