//! FUZZY (RFC 6203): texts are looked for by their words, in any order and by how they begin. What has half of the words is
//! found; the whole text counts most, then whole words. Other keys match exactly.

use super::super::selected::Selected;
use super::keys::{Facts, Key, Question};
use crate::limits::FUZZY_WORDS_MAX;

/// A text that need not match exactly.
pub(super) struct Loose {
    whole: Box<Key>,
    /// Each word, and how it begins.
    words: Vec<(Key, Key)>,
}

/// What a word, and a word of that beginning, count of a hundred.
const WORD: u32 = 90;
const BEGINNING: u32 = 50;

impl Question<'_> {
    /// The key for a text: an exact one, or within FUZZY a loose one. `exact` makes the exact key for a text.
    pub(super) fn perhaps_loose(&mut self, text: String, exact: &dyn Fn(&mut Self, String) -> Key) -> Key {
        let words: Vec<String> = match self.fuzzy {
            true => words(&text).map(str::to_owned).collect(),
            false => Vec::new(),
        };
        let whole = exact(self, text);
        if words.is_empty() {
            return whole;
        }
        let both = |word: &String| (exact(self, word.clone()), exact(self, beginning(word).to_owned()));
        let words = words.iter().map(both).collect();
        Key::Fuzzy(Loose { whole: Box::new(whole), words })
    }

    /// `None` until all of it is known: the answer tells how well it matches, too.
    pub(super) fn ask_loose(&self, loose: &Loose, selected: &Selected, facts: &Facts<'_>) -> Option<bool> {
        self.ask(&loose.whole, selected, facts)?;
        let mut found = 0;
        for (word, beginning) in &loose.words {
            self.ask(word, selected, facts)?;
            found += usize::from(self.ask(beginning, selected, facts)?);
        }
        Some(found >= loose.words.len().div_ceil(2))
    }

    /// From 1 to 100, of a message that the key holds for; `None` where nothing in it is loose. Of several keys the mean
    /// counts, of alternatives the best.
    pub(super) fn score(&self, key: &Key, selected: &Selected, facts: &Facts<'_>) -> Option<u8> {
        match key {
            Key::And(keys) => {
                let scores = keys.iter().filter_map(|key| self.score(key, selected, facts)).map(u32::from);
                let (sum, count) = scores.fold((0, 0), |(sum, count), score| (sum + score, count + 1));
                u8::try_from(u32::checked_div(sum, count)?).ok()
            }
            Key::Or(a, b) => {
                let holding = [a, b].into_iter().filter(|key| self.ask(key, selected, facts) == Some(true));
                holding.filter_map(|key| self.score(key, selected, facts)).max()
            }
            Key::Fuzzy(loose) => Some(self.score_of(loose, selected, facts)),
            _ => None,
        }
    }

    fn score_of(&self, loose: &Loose, selected: &Selected, facts: &Facts<'_>) -> u8 {
        let holds = |key: &Key| self.ask(key, selected, facts) == Some(true);
        if holds(&loose.whole) {
            return 100;
        }
        let of_word = |(word, beginning): &(Key, Key)| match (holds(word), holds(beginning)) {
            (true, _) => WORD,
            (false, true) => BEGINNING,
            (false, false) => 0,
        };
        let sum: u32 = loose.words.iter().map(of_word).sum();
        let count = u32::try_from(loose.words.len()).unwrap_or(u32::MAX);
        u8::try_from(sum / count.max(1)).unwrap_or(100).max(1)
    }
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(FUZZY_WORDS_MAX)
}

/// The first three quarters of a word, and no less than four characters.
fn beginning(word: &str) -> &str {
    let count = word.chars().count();
    let kept = (count * 3 / 4).max(4);
    word.char_indices().nth(kept).and_then(|(at, _)| word.get(..at)).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_beginnings() {
        assert_eq!(words("IMAP, is-broken!").collect::<Vec<_>>(), ["IMAP", "is", "broken"]);
        assert_eq!(words(" . ").count(), 0);
        assert_eq!(words(&"a ".repeat(100)).count(), FUZZY_WORDS_MAX);
        for (word, start) in
            [("", ""), ("to", "to"), ("work", "work"), ("works", "work"), ("breaking", "breaki"), ("grüßen", "grüß")]
        {
            assert_eq!(beginning(word), start);
        }
    }
}
