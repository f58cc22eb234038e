//! What went wrong with the journal: each trouble told once, and kept for whoever listens first.

use std::collections::VecDeque;

/// A disk that is full for months is one trouble, a thousand times; of different ones, the latest are remembered.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// What has been told since a line could be written last.
    told: VecDeque<String>,
    /// What was told while nobody listened, and how much of that was dropped.
    unheard: VecDeque<String>,
    dropped: usize,
}

impl Troubles {
    /// Whether this has not been told yet.
    pub(super) fn is_new(&mut self, text: &str) -> bool {
        let is_new = !self.told.iter().any(|told| told == text);
        if is_new {
            if self.told.len() >= MOST {
                self.told.pop_front();
            }
            self.told.push_back(text.to_owned());
        }
        is_new
    }

    /// All is well: the same is another trouble when it comes again.
    pub(super) fn end(&mut self) {
        self.told.clear();
    }

    /// Nobody has heard it.
    pub(super) fn keep(&mut self, text: String) {
        if self.unheard.len() >= MOST {
            self.unheard.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.unheard.push_back(text);
    }

    /// What nobody has heard, the oldest first, after a word on what was dropped.
    pub(super) fn take(&mut self) -> Vec<String> {
        let dropped = std::mem::take(&mut self.dropped);
        let word =
            (dropped > 0).then(|| format!("{dropped} earlier troubles with the journal were not kept"));
        word.into_iter().chain(self.unheard.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_listens_to_is_bounded_and_what_was_dropped_is_counted() {
        let mut troubles = Troubles::default();
        for number in 0..1_000 {
            troubles.keep(format!("trouble {number}"));
        }
        let kept = troubles.take();
        assert_eq!(kept.len(), MOST + 1);
        assert_eq!(kept[0], "936 earlier troubles with the journal were not kept");
        assert_eq!((&*kept[1], &*kept[MOST]), ("trouble 936", "trouble 999"));
        assert!(troubles.take().is_empty());
    }

    #[test]
    fn the_same_trouble_is_told_once_until_it_is_over() {
        let mut troubles = Troubles::default();
        assert!(troubles.is_new("the disk is full"));
        assert!(troubles.is_new("the file is gone"));
        assert!((0..1_000).all(|_| !troubles.is_new("the disk is full")));
        troubles.end();
        assert!(troubles.is_new("the disk is full"));
        assert!((0..1_000).all(|number| troubles.is_new(&format!("trouble {number}"))));
        assert!(troubles.told.len() <= MOST);
    }
}
