//! How often announcements make a gateway be asked, and which of them tell of another boot.
//!
//! Whoever is on the link can send one in a gateway's name, as often as he likes. So none is believed: it makes us ask,
//! and seldom where asking brings nothing to light.

use crate::Time;
use core::time::Duration;

/// Between the first two times that news make a gateway be asked; doubled each time that they come to nothing.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest that doubling leads to: as often, a gateway is looked at in any case.
const LAST_WAIT: Duration = Duration::from_secs(60);
/// A gateway that is merely alive is asked because of that at most this often.
const ALIVE: Duration = Duration::from_secs(60);
/// Root devices and those within them, of which one gateway's boots are known: two stacks of a UPnP gateway are six.
const MOST_DEVICES: usize = 16;

/// How often words of a gateway's are heeded.
#[derive(Debug, Default)]
pub(super) struct Heed {
    /// When the gateway was last asked because of one.
    asked_at: Option<Time>,
    /// How often in a row that came to nothing.
    in_vain: u32,
    /// Whether one is still to be heeded.
    pub(super) waits: bool,
}

impl Heed {
    /// When a word that tells of something new makes the gateway be asked.
    pub(super) fn at(&self, now: Time) -> Time {
        self.asked_at.map_or(now, |at| now.max(at + self.wait()))
    }

    /// Whether a word that merely says that the gateway is alive makes it be asked now.
    pub(super) fn is_rested(&self, now: Time) -> bool {
        self.asked_at.is_none_or(|at| now - at >= ALIVE)
    }

    /// The gateway is asked; what comes to light is told by [`found`](Self::found).
    pub(super) fn asked(&mut self, now: Time) {
        let is_quiet = self.asked_at.is_none_or(|at| now - at >= LAST_WAIT.saturating_mul(2));
        self.in_vain = if is_quiet { 0 } else { self.in_vain.saturating_add(1) };
        self.asked_at = Some(now);
        self.waits = false;
    }

    /// The gateway had lost something: its next word may be as true.
    pub(super) fn found(&mut self) {
        self.in_vain = 0;
    }

    fn wait(&self) -> Duration {
        FIRST_WAIT.saturating_mul(1_u32.checked_shl(self.in_vain).unwrap_or(u32::MAX)).min(LAST_WAIT)
    }
}

/// BOOTID.UPNP.ORG of the devices behind one address. It belongs to a device, not to the address: one router may run
/// two UPnP stacks, each with its own (UPnP Device Architecture 1.1 section 1.2.2).
#[derive(Debug, Default)]
pub(super) struct Boots(Vec<(String, u32)>);

impl Boots {
    /// Takes what a device says; whether it had another before, `None` where that is not known.
    pub(super) fn update(&mut self, usn: &str, boot_id: u32) -> Option<bool> {
        let udn = udn(usn);
        if let Some((_, known)) = self.0.iter_mut().find(|(device, _)| device == udn) {
            return Some(core::mem::replace(known, boot_id) != boot_id);
        }
        if self.0.len() >= MOST_DEVICES {
            self.0.remove(0);
        }
        self.0.push((udn.to_owned(), boot_id));
        None
    }

    /// What is heard from now on is the first word again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// The device's name, as it begins the USN of everything within it (section 1.2.2).
pub(super) fn udn(usn: &str) -> &str {
    usn.split("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn news_are_heeded_at_once_and_ever_later_while_they_come_to_nothing() {
        let mut heed = Heed::default();
        let mut moments = Vec::new();
        let mut now = at(100);
        while now < at(300) {
            if heed.at(now) == now {
                heed.asked(now);
                moments.push(now.since_start().as_secs());
            }
            now = now + Duration::from_secs(1);
        }
        assert_eq!(moments, [100, 102, 106, 114, 130, 162, 222, 282]);
        heed.found();
        assert_eq!(heed.at(at(283)), at(284));
    }

    #[test]
    fn after_a_while_news_are_heeded_as_at_first() {
        let mut heed = Heed::default();
        for seconds in [0, 2, 6, 14] {
            heed.asked(at(seconds));
        }
        heed.asked(at(200));
        assert_eq!(heed.at(at(201)), at(202));
    }

    #[test]
    fn who_is_merely_alive_is_asked_once_a_minute() {
        let mut heed = Heed::default();
        assert!(heed.is_rested(at(5)));
        heed.asked(at(5));
        assert!(!heed.is_rested(at(64)) && heed.is_rested(at(65)));
    }

    #[test]
    fn each_device_has_boots_of_its_own() {
        let mut boots = Boots::default();
        assert_eq!(boots.update("uuid:1::upnp:rootdevice", 7), None);
        assert_eq!(boots.update("uuid:2::upnp:rootdevice", 3), None);
        assert_eq!(boots.update("uuid:1::urn:x:device:y:1", 7), Some(false));
        assert_eq!(boots.update("uuid:2", 3), Some(false));
        assert_eq!(boots.update("uuid:1", 8), Some(true));
        assert_eq!(boots.update("uuid:1", 8), Some(false));
        boots.forget();
        assert_eq!(boots.update("uuid:1", 9), None);
    }

    #[test]
    fn only_so_many_devices_are_known() {
        let mut boots = Boots::default();
        for number in 0..1_000_u32 {
            boots.update(&format!("uuid:{number}"), number);
        }
        assert_eq!(boots.0.len(), MOST_DEVICES);
        assert_eq!(boots.update("uuid:999", 999), Some(false));
    }
}
