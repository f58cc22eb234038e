//! How fast an unanswered request is repeated.

use crate::client::retry::{self, NAT_PMP_FIRST_WAIT, NAT_PMP_SENDS, PCP_INITIAL, RENEWAL_SPACING};
use core::time::Duration;

/// Longest wait between two requests of one renewal, in units of [`RENEWAL_SPACING`].
const RENEWAL_MOST: u32 = 4;

/// How long the answer to a farewell is listened for. A program that ends waits for it, after all that it has waited
/// for already: a server on a cable answers within this, and what others may have granted has its lease.
const FAREWELL: Duration = Duration::from_millis(10);

/// How fast an unanswered request is repeated, until whoever asked gives up.
#[derive(Clone, Debug)]
pub(in crate::client) enum Pace {
    /// Somebody waits for it: NAT-PMP's pace (RFC 6886 section 3.1), for PCP too. Deliberately faster than the
    /// 3 s that RFC 6887 section 8.1.1 begins with: at 30 % loss one of twenty would wait for 45 s. Nine
    /// requests are the most.
    FirstContact,
    /// Nobody waits: PCP's own pace (RFC 6887 section 8.1.1), without end.
    Patient { previous: Option<Duration>, random: u32 },
    /// A renewal: never less than 4 s apart (RFC 6887 section 11.2.1), and at first not much more, so that from
    /// the first window to the end there are thirty requests for every lifetime from 600 s. At 50 % loss each
    /// way that loses less than one mapping in 5,000.
    Renewal,
    /// A word to somebody who may not be there: said once, and not waited for.
    Farewell,
}

impl Pace {
    /// PCP's own pace. The random number spreads the requests of many clients.
    pub(in crate::client) fn patient(random: u32) -> Self {
        Self::Patient { previous: None, random }
    }

    /// How long to wait for an answer to the request that is sent now, after `sent` others.
    pub(super) fn wait(&mut self, sent: u32) -> Duration {
        match self {
            Self::Farewell => FAREWELL,
            Self::FirstContact => {
                let factor = 1_u32.checked_shl(sent.min(NAT_PMP_SENDS)).unwrap_or(u32::MAX);
                NAT_PMP_FIRST_WAIT.saturating_mul(factor)
            }
            Self::Patient { previous, random } => {
                // Each wait has a part of its own in the randomness.
                let wait = retry::pcp_wait(PCP_INITIAL, *previous, random.rotate_left(sent.wrapping_mul(7)));
                *previous = Some(wait);
                wait
            }
            Self::Renewal => {
                let factor = 1_u32.checked_shl(sent / 3).unwrap_or(RENEWAL_MOST).min(RENEWAL_MOST);
                RENEWAL_SPACING.saturating_mul(factor)
            }
        }
    }

    /// Whether nothing more is sent after so many requests.
    pub(super) fn is_over(&self, sent: u32) -> bool {
        match self {
            Self::FirstContact => sent >= NAT_PMP_SENDS,
            Self::Farewell => sent > 0,
            Self::Patient { .. } | Self::Renewal => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sends(mut pace: Pace, count: u32) -> Vec<u64> {
        let mut at = Duration::ZERO;
        let mut sends = Vec::new();
        for sent in 0..count {
            sends.push(u64::try_from(at.as_millis()).unwrap());
            at = at.saturating_add(pace.wait(sent));
        }
        sends
    }

    #[test]
    fn a_first_contact_is_nat_pmps_schedule() {
        let expected: Vec<_> =
            (0..).map_while(retry::nat_pmp_send).map(|at| u64::try_from(at.as_millis()).unwrap()).collect();
        assert_eq!(sends(Pace::FirstContact, 9), expected);
        assert!(Pace::FirstContact.is_over(9) && !Pace::FirstContact.is_over(8));
    }

    #[test]
    fn patience_is_pcps_schedule() {
        assert_eq!(sends(Pace::patient(0), 4), [0, 2_700, 7_560, 16_308]);
    }

    #[test]
    fn a_lease_of_ten_minutes_is_asked_for_thirty_times() {
        let lifetime = Duration::from_secs(600);
        for random in [0, 1 << 31, u32::MAX] {
            let mut windows = Vec::new();
            let mut previous = Duration::ZERO;
            while let Some(at) =
                retry::renewal(lifetime, u32::try_from(windows.len()).unwrap(), previous, random)
            {
                windows.push(at);
                previous = at;
            }
            windows.push(lifetime);
            let asked: usize = windows
                .windows(2)
                .map(|window| {
                    let length = u64::try_from((window[1] - window[0]).as_millis()).unwrap();
                    sends(Pace::Renewal, 64).iter().filter(|&&at| at + 4_000 <= length.max(4_000)).count()
                })
                .sum();
            assert!(asked >= 30, "{asked} requests with {random}");
        }
    }
}
