//! What is in a journal: lines, each after a sum of it.
//!
//! ```text
//! 1f…c8 portcullis-journal 1 <machine> <boot> boot
//! 90…3e put 1 00000000000000fa udp pcp 192.168.1.1:5351 …
//! 2b…07 erase 00000000000000fa
//! ```

use super::origin::{NoOrigin, Origin};
use portcullis_proto::client::journal::{Entry, EntryId};
use std::collections::BTreeMap;

pub(super) type Entries = BTreeMap<EntryId, Entry>;

/// Digits of a line's sum, and the space after it.
const SUM: usize = 17;

/// What a journal amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) origin: Origin,
    pub(super) entries: Entries,
}

impl Contents {
    /// Reads a journal; `None` where it had hardly been begun. A last line that its writer did not finish does
    /// not count.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, NoOrigin> {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return if may_begin(bytes) { Ok(None) } else { Err(NoOrigin::Damaged) };
        };
        let whole = bytes.get(..end).unwrap_or_default();
        let text = core::str::from_utf8(whole).map_err(|_| NoOrigin::Damaged)?;
        let mut lines = text.split('\n');
        let origin = header(lines.next().unwrap_or_default())?;
        let mut entries = Entries::new();
        for line in lines {
            let line = summed(line).ok_or(NoOrigin::Damaged)?;
            if let Some(entry) = line.strip_prefix("put ") {
                let entry = Entry::from_line(entry).map_err(|_| NoOrigin::Damaged)?;
                entries.insert(entry.id, entry);
            } else if let Some(id) = line.strip_prefix("erase ") {
                entries.remove(&id_from(id).ok_or(NoOrigin::Damaged)?);
            } else {
                return Err(NoOrigin::Damaged);
            }
        }
        Ok(Some(Self { origin, entries }))
    }

    /// As a journal that nothing has been erased from.
    pub(super) fn write(origin: &Origin, entries: &Entries) -> String {
        let lines = entries.values().map(put);
        std::iter::once(first(origin)).chain(lines).collect()
    }
}

/// The line that a journal begins with.
pub(super) fn first(origin: &Origin) -> String {
    line(&origin.header())
}

/// The line that puts an entry.
pub(super) fn put(entry: &Entry) -> String {
    line(&format!("put {}", entry.to_line()))
}

/// The line that erases one.
pub(super) fn erase(id: EntryId) -> String {
    line(&format!("erase {:016x}", id.0))
}

/// FNV-1a: tells damage, and no forgery, which whoever can write the file is able to anyway.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn line(text: &str) -> String {
    format!("{:016x} {text}\n", digest(text.as_bytes()))
}

/// The text of a line whose sum is right.
fn summed(line: &str) -> Option<&str> {
    let (sum, text) = line.split_at_checked(SUM)?;
    (sum == format!("{:016x} ", digest(text.as_bytes()))).then_some(text)
}

fn header(line: &str) -> Result<Origin, NoOrigin> {
    // The version first: a later one may sum otherwise.
    let (_, text) = line.split_at_checked(SUM).ok_or(NoOrigin::Damaged)?;
    let origin = Origin::from_header(text)?;
    if summed(line).is_some() { Ok(origin) } else { Err(NoOrigin::Damaged) }
}

fn may_begin(bytes: &[u8]) -> bool {
    let (sum, header) = bytes.split_at_checked(SUM).unwrap_or((bytes, &[]));
    sum.iter().enumerate().all(|(at, byte)| if at < 16 { byte.is_ascii_hexdigit() } else { *byte == b' ' })
        && Origin::may_begin(header)
        && bytes.len() < 256
}

fn id_from(word: &str) -> Option<EntryId> {
    let id = u64::from_str_radix(word, 16).ok()?;
    (format!("{id:016x}") == word).then_some(EntryId(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::entry;

    fn journal() -> (String, Entries) {
        let lines = [put(&entry(1)), put(&entry(2)), erase(EntryId(1)), put(&entry(3))];
        let entries = [2, 3].map(|id| (EntryId(id), entry(id)));
        (first(&Origin::here()) + &lines.concat(), entries.into())
    }

    #[test]
    fn what_is_put_and_not_erased_is_left() {
        let (text, entries) = journal();
        let contents = Contents { origin: Origin::here(), entries };
        assert_eq!(Contents::write(&contents.origin, &contents.entries).lines().count(), 3);
        assert_eq!(Contents::read(text.as_bytes()), Ok(Some(contents)));
    }

    #[test]
    fn whatever_of_the_last_line_was_written_the_lines_before_it_count() {
        let (text, entries) = journal();
        for length in 0..text.len() {
            let read = Contents::read(&text.as_bytes()[..length]).unwrap();
            let lines = text[..length].matches('\n').count();
            let ids: Vec<u64> = read.iter().flat_map(|read| read.entries.keys()).map(|id| id.0).collect();
            let expected: &[u64] = [&[][..], &[], &[1], &[1, 2], &[2]][lines];
            assert_eq!(ids, expected, "{length}");
        }
        // A file system may give zeros for what it did not get to write.
        let zeros = Contents::read(&[text.as_bytes(), &[0; 4_096]].concat()).unwrap().unwrap();
        assert_eq!(zeros.entries, entries);
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let (text, _) = journal();
        let whole = Contents::read(text.as_bytes());
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let read = Contents::read(&bytes);
                // Without its end, the last line is one that was not finished.
                assert!(read.is_err() || at == text.len() - 1 && read != whole, "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_no_journal_is_damaged() {
        let header = first(&Origin::here());
        for text in [
            "hello",
            "\n",
            "hello\n",
            &"0".repeat(300),
            &format!("{header}\n"),
            &(header.clone() + &line("rename 00000000000000fa")),
            &(header.clone() + &line("erase fa")),
            &(header.clone() + &line("erase 00000000000000FA")),
            &(header.clone() + &line("put 2 something new")),
            &put(&entry(1)),
        ] {
            assert_eq!(Contents::read(text.as_bytes()), Err(NoOrigin::Damaged), "{text}");
        }
        assert_eq!(Contents::read(&[0; 4_096]), Err(NoOrigin::Damaged));
        assert_eq!(Contents::read(b"\xff\xff\n"), Err(NoOrigin::Damaged));
        assert_eq!(Contents::read(b""), Ok(None));
        let later = b"0123456789abcdef portcullis-journal 2 with what was not thought of\n\xff";
        assert_eq!(Contents::read(later), Err(NoOrigin::Version));
    }
}
