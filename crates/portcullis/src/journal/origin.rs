//! Where and when a journal was written: what the moments in it mean here and now.

use crate::driver::clock::Clock;
use portcullis_proto::Time;
use portcullis_proto::client::journal::Entry;

/// What a moment in a journal counts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Tells machines that share a home directory apart; a digest, since the original is not to be shown around.
    machine: Option<String>,
    /// Tells one boot of the machine from the next.
    boot: Option<String>,
    counts_from_boot: bool,
}

const NAME: &str = "portcullis-journal";
const VERSION: &str = "1";
const MAX_ID: usize = 64;

/// Why there is none in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoOrigin {
    Version,
    Damaged,
}

impl Origin {
    /// Of what this process writes.
    pub(super) fn here() -> Self {
        Self { machine: machine(), boot: boot(), counts_from_boot: Clock::COUNTS_FROM_BOOT }
    }

    /// Whether it was written on another machine: that one's mappings lead there, and its clock is another.
    pub(super) fn is_elsewhere(&self, here: &Self) -> bool {
        matches!((&self.machine, &here.machine), (Some(machine), Some(here)) if machine != here)
    }

    pub(super) fn header(&self) -> String {
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".into());
        let zero = if self.counts_from_boot { "boot" } else { "process" };
        format!("{NAME} {VERSION} {} {} {zero}", id(&self.machine), id(&self.boot))
    }

    pub(super) fn from_header(header: &str) -> Result<Self, NoOrigin> {
        let mut words = header.split(' ');
        if words.next() != Some(NAME) {
            return Err(NoOrigin::Damaged);
        }
        if words.next() != Some(VERSION) {
            return Err(NoOrigin::Version);
        }
        let mut id = || match words.next() {
            Some("-") => Ok(None),
            Some(word) if is_id(word) => Ok(Some(word.to_owned())),
            _ => Err(NoOrigin::Damaged),
        };
        let (machine, boot) = (id()?, id()?);
        let counts_from_boot = match words.next() {
            Some("boot") => true,
            Some("process") => false,
            _ => return Err(NoOrigin::Damaged),
        };
        let origin = Self { machine, boot, counts_from_boot };
        if words.next().is_some() { Err(NoOrigin::Damaged) } else { Ok(origin) }
    }

    /// Whether these bytes, which have no end of line, may be the beginning of a header.
    pub(super) fn may_begin(header: &[u8]) -> bool {
        NAME.bytes().chain([b' ']).zip(header).all(|(expected, byte)| expected == *byte)
            && header.iter().all(|byte| byte.is_ascii_alphanumeric() || b" -".contains(byte))
    }

    /// Puts the moment that an entry of this origin expires into the clock of `here`: at the latest when it does,
    /// where it cannot be told, so that nothing is forgotten that may still be open.
    ///
    /// No wall clock is asked. What was granted in an earlier boot has run at least since this boot began.
    pub(super) fn translate(&self, entry: &mut Entry, here: &Self, now: Time) {
        let (Some(expires), Some(lifetime)) = (entry.expires, entry.lifetime.duration()) else { return };
        // It was granted before now.
        let latest = now + lifetime;
        let both_count_from_boot = self.counts_from_boot && here.counts_from_boot;
        entry.expires = Some(match (&self.boot, &here.boot) {
            _ if !both_count_from_boot => latest,
            (Some(boot), Some(here)) if boot != here => latest.min(Time::ZERO + lifetime),
            // The same boot. Or an earlier one, for all we know: then it is too late by what passed there.
            _ => latest.min(expires),
        });
    }
}

fn is_id(word: &str) -> bool {
    (1..=MAX_ID).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn machine() -> Option<String> {
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    // machine-id(5): 32 digits, or the word "uninitialized" while the machine is being set up.
    let id = id.trim();
    (id.len() == 32).then(|| format!("{:016x}", super::contents::digest(id.as_bytes())))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| is_id(id))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn machine() -> Option<String> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::entry;
    use portcullis_proto::Lifetime;
    use std::time::Duration;

    fn origin(machine: &str, boot: &str, counts_from_boot: bool) -> Origin {
        let id = |id: &str| (id != "-").then(|| id.to_owned());
        Origin { machine: id(machine), boot: id(boot), counts_from_boot }
    }

    #[test]
    fn a_header_is_read_back() {
        for origin in [Origin::here(), origin("-", "-", false), origin("m", "b-1", true)] {
            let header = origin.header();
            assert_eq!(Origin::from_header(&header), Ok(origin));
            for length in 0..header.len() {
                assert!(Origin::may_begin(&header.as_bytes()[..length]));
                let read = Origin::from_header(&header[..length]);
                // The end of line is what tells them apart, and the sum before it.
                assert!(read.is_err() || read.is_ok_and(|read| read.header() == header[..length]));
            }
        }
        for (header, error) in [
            ("", NoOrigin::Damaged),
            ("something-else 1 - - boot", NoOrigin::Damaged),
            ("portcullis-journal 2 - - boot", NoOrigin::Version),
            ("portcullis-journal 10", NoOrigin::Version),
            ("portcullis-journal 1 - boot", NoOrigin::Damaged),
            ("portcullis-journal 1 a/b - boot", NoOrigin::Damaged),
            ("portcullis-journal 1 - - Boot", NoOrigin::Damaged),
            ("portcullis-journal 1 - - boot x", NoOrigin::Damaged),
        ] {
            assert_eq!(Origin::from_header(header), Err(error), "{header}");
        }
        assert!(!Origin::may_begin(b"\0\0"));
        assert!(!Origin::may_begin(b"portcullis-journal 1 \x07"));
    }

    #[test]
    fn an_entry_expires_when_it_does_or_as_late_as_it_can() {
        let at = |seconds| Time::from_start(Duration::from_secs(seconds));
        let here = origin("-", "b", true);
        for (what, written, expires, now, lifetime, translated) in [
            ("of this boot", origin("-", "b", true), 5_000, 4_000, 3_600, Some(5_000)),
            ("longer than it can", origin("-", "b", true), 50_000, 4_000, 3_600, Some(7_600)),
            ("of an earlier boot", origin("-", "a", true), 50_000, 400, 3_600, Some(3_600)),
            ("of an earlier boot, gone", origin("-", "a", true), 50_000, 4_000, 3_600, Some(3_600)),
            ("of some boot", origin("-", "-", true), 5_000, 4_000, 3_600, Some(5_000)),
            ("of some boot, longer", origin("-", "-", true), 50_000, 4_000, 3_600, Some(7_600)),
            ("of some process", origin("-", "b", false), 10, 4_000, 3_600, Some(7_600)),
            ("permanent", origin("-", "a", true), 0, 4_000, 0, None),
        ] {
            let mut entry = entry(1);
            entry.lifetime = Lifetime::from_seconds(lifetime);
            entry.expires = (lifetime > 0).then(|| at(expires));
            written.translate(&mut entry, &here, at(now));
            assert_eq!(entry.expires, translated.map(at), "{what}");
        }
    }

    #[test]
    fn only_a_machine_that_is_known_to_be_another_is_elsewhere() {
        let here = origin("m", "b", true);
        assert!(origin("n", "b", true).is_elsewhere(&here));
        for same in [origin("m", "a", true), origin("-", "a", true)] {
            assert!(!same.is_elsewhere(&here));
            assert!(!here.is_elsewhere(&same));
        }
    }
}
