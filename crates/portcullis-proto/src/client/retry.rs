//! When NAT-PMP and PCP send again: the schedules of RFC 6886 and RFC 6887 as pure functions.
//!
//! All arithmetic is in whole milliseconds. A random number is an argument: 32 bits, evenly distributed, of
//! which 0 stands for the beginning of a range and the greatest for its end.

use core::time::Duration;

/// NAT-PMP: the wait after the first request, which doubles after each further one (RFC 6886 section 3.1).
pub const NAT_PMP_FIRST_WAIT: Duration = Duration::from_millis(250);
/// NAT-PMP: how often a request is sent in all (RFC 6886 section 3.1).
pub const NAT_PMP_SENDS: u32 = 9;
/// NAT-PMP: when to give up, counted from the first request: 64 s after the ninth (RFC 6886 section 3.1).
pub const NAT_PMP_GIVE_UP: Duration = Duration::from_millis(127_750);

/// How often an announcement is sent in all, with the waits of NAT-PMP's requests between (RFC 6886 section 3.2.1).
pub const ANNOUNCEMENTS: u32 = 10;

/// PCP: the initial retransmission time, IRT (RFC 6887 section 8.1.1).
pub const PCP_INITIAL: Duration = Duration::from_secs(3);
/// PCP: the maximum retransmission time, MRT (RFC 6887 section 8.1.1). There is no maximum of count (MRC 0) or
/// duration (MRD 0).
pub const PCP_MAXIMUM: Duration = Duration::from_secs(1_024);
/// In place of [`PCP_INITIAL`] while somebody waits for a first mapping: deliberately faster than the RFC's
/// 3 s (a SHOULD), which at 30 % loss each way makes one of twenty wait for 45 s.
pub const PCP_FIRST_CONTACT: Duration = Duration::from_secs(1);

/// The least time between two requests to renew one mapping (RFC 6887 section 11.2.1).
pub const RENEWAL_SPACING: Duration = Duration::from_secs(4);
/// A gateway that lost its state is asked again at a random moment within this time, so that not all of its clients
/// ask at once (RFC 6886 section 3.7, RFC 6887 section 14.1.3).
pub const RECREATE_SPREAD: Duration = Duration::from_secs(5);

/// NAT-PMP: when the `n`th request (from 0) is sent, counted from the first; `None` when there is none any more
/// (RFC 6886 section 3.1).
///
/// ```
/// use portcullis_proto::client::retry::nat_pmp_send;
/// use std::time::Duration;
///
/// assert_eq!(nat_pmp_send(2), Some(Duration::from_millis(750)));
/// assert_eq!(nat_pmp_send(9), None);
/// ```
pub const fn nat_pmp_send(n: u32) -> Option<Duration> {
    if n < NAT_PMP_SENDS { doubling(n) } else { None }
}

/// When the `n`th announcement (from 0) is sent, counted from the first; `None` when there is none any more
/// (RFC 6886 section 3.2.1).
pub const fn announcement(n: u32) -> Option<Duration> {
    if n < ANNOUNCEMENTS { doubling(n) } else { None }
}

/// The sum of `n` waits of which each is twice the one before.
const fn doubling(n: u32) -> Option<Duration> {
    match 1_u32.checked_shl(n) {
        Some(waits) => NAT_PMP_FIRST_WAIT.checked_mul(waits.saturating_sub(1)),
        None => None,
    }
}

/// PCP: how long to wait for an answer before the request is sent again, RT (RFC 6887 section 8.1.1).
///
/// `previous` is the last such wait, `None` after the first request; `initial` is [`PCP_INITIAL`] or
/// [`PCP_FIRST_CONTACT`]. The random number is RAND, between -0.1 and 0.1.
///
/// ```
/// use portcullis_proto::client::retry::{PCP_INITIAL, pcp_wait};
/// use std::time::Duration;
///
/// let middle = u32::MAX / 2 + 1;
/// let first = pcp_wait(PCP_INITIAL, None, middle);
/// assert_eq!(first, Duration::from_secs(3));
/// assert_eq!(pcp_wait(PCP_INITIAL, Some(first), middle), Duration::from_secs(6));
/// ```
pub fn pcp_wait(initial: Duration, previous: Option<Duration>, random: u32) -> Duration {
    about(previous.map_or(initial, |previous| previous.saturating_mul(2).min(PCP_MAXIMUM)), random)
}

/// A duration, give or take a tenth of it.
pub fn about(duration: Duration, random: u32) -> Duration {
    let tenth = milliseconds(duration) / 10;
    let shortest = Duration::from_millis(milliseconds(duration).saturating_sub(tenth));
    shortest.saturating_add(share(tenth.saturating_mul(2), random))
}

/// When the `n`th request (from 0) to renew a mapping is sent, counted from its grant; `None` where that would be
/// after its end, so that there is nothing left to renew.
///
/// The windows of RFC 6887 section 11.2.1: from 1/2 to 5/8 of the lifetime, then from 3/4 for 1/16 of it, from
/// 7/8 for 1/32, and so on, each within itself at random, but no sooner than [`RENEWAL_SPACING`] after the
/// `previous` request, counted from the grant as well (zero, the grant itself, for the first). RFC 6886
/// section 3.3 wants the renewal of NAT-PMP to begin halfway to the end too, and UPnP sets no time, so that all
/// three are renewed by this.
///
/// ```
/// use portcullis_proto::client::retry::renewal;
/// use std::time::Duration;
///
/// let lifetime = Duration::from_secs(7_200);
/// let first = renewal(lifetime, 0, Duration::ZERO, 0).unwrap();
/// assert_eq!(first, Duration::from_secs(3_600));
/// assert_eq!(renewal(lifetime, 1, first, 0), Some(Duration::from_secs(5_400)));
/// // No request for a mapping that would be gone when it is sent.
/// assert_eq!(renewal(Duration::from_secs(3), 0, Duration::ZERO, 0), None);
/// ```
pub fn renewal(lifetime: Duration, n: u32, previous: Duration, random: u32) -> Option<Duration> {
    let whole = milliseconds(lifetime);
    // What is left of the lifetime when the window begins: 1/2, 1/4, 1/8, ...
    let left = whole.checked_shr(n.saturating_add(1)).unwrap_or(0);
    let begin = Duration::from_millis(whole.saturating_sub(left));
    let at = begin.saturating_add(share(left / 4, random));
    let at = at.max(previous.saturating_add(RENEWAL_SPACING));
    (at < lifetime).then_some(at)
}

/// How long to wait before mappings are made anew at a gateway that lost its state.
pub fn recreate_wait(random: u32) -> Duration {
    share(milliseconds(RECREATE_SPREAD), random)
}

/// A share of so many milliseconds: none for 0, nearly all for the greatest number.
fn share(whole: u64, random: u32) -> Duration {
    let product = u128::from(whole).saturating_mul(u128::from(random));
    Duration::from_millis(u64::try_from(product >> u32::BITS).unwrap_or(u64::MAX))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u32; 4] = [0, 1 << 31, 3_000_000_000, u32::MAX];

    #[test]
    fn nat_pmp_sends_nine_times() {
        let sends: Vec<_> = (0..).map_while(nat_pmp_send).map(|at| at.as_millis()).collect();
        assert_eq!(sends, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750]);
        assert_eq!(NAT_PMP_GIVE_UP, nat_pmp_send(8).unwrap() + NAT_PMP_FIRST_WAIT * (1 << 8));
        assert_eq!(nat_pmp_send(u32::MAX), None);
    }

    #[test]
    fn announcements_are_ten() {
        let sends: Vec<_> = (0..).map_while(announcement).collect();
        assert_eq!(sends.len(), 10);
        assert_eq!(sends[9], Duration::from_millis(127_750));
    }

    #[test]
    fn pcp_doubles_up_to_the_maximum() {
        let mut previous = None;
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = pcp_wait(PCP_INITIAL, previous, 1 << 31);
            waits.push(wait.as_secs());
            previous = Some(wait);
        }
        assert_eq!(waits, [3, 6, 12, 24, 48, 96, 192, 384, 768, 1_024, 1_024, 1_024]);
    }

    #[test]
    fn pcp_strays_by_a_tenth() {
        assert_eq!(pcp_wait(PCP_INITIAL, None, 0).as_millis(), 2_700);
        assert_eq!(pcp_wait(PCP_INITIAL, None, u32::MAX).as_millis(), 3_299);
        assert_eq!(pcp_wait(PCP_INITIAL, Some(Duration::from_millis(2_700)), 0).as_millis(), 4_860);
        // The maximum is of what RAND is applied to.
        assert_eq!(pcp_wait(PCP_INITIAL, Some(PCP_MAXIMUM), u32::MAX).as_millis(), 1_126_399);
        assert_eq!(pcp_wait(PCP_FIRST_CONTACT, None, 0).as_millis(), 900);
        assert!(pcp_wait(Duration::MAX, Some(Duration::MAX), u32::MAX) <= PCP_MAXIMUM * 11 / 10);
    }

    fn renewals(lifetime: u64, random: u32) -> Vec<u128> {
        let mut previous = Duration::ZERO;
        let next = |n| {
            previous = renewal(Duration::from_secs(lifetime), n, previous, random)?;
            Some(previous.as_millis())
        };
        (0..).map_while(next).collect()
    }

    #[test]
    fn renewals_fall_into_their_windows() {
        assert_eq!(
            renewals(7_200, 0),
            [
                3_600_000, 5_400_000, 6_300_000, 6_750_000, 6_975_000, 7_087_500, 7_143_750, 7_171_875,
                7_185_938, 7_192_969, 7_196_969
            ]
        );
        assert_eq!(renewals(7_200, u32::MAX)[..3], [4_499_999, 5_849_999, 6_524_999]);
        assert_eq!(renewals(120, 0), [60_000, 90_000, 105_000, 112_500, 116_500]);
        assert_eq!(renewals(10, 0), [5_000, 9_000]);
    }

    #[test]
    fn renewals_are_four_seconds_apart_for_every_lifetime() {
        let lifetimes = (0..200).chain([1_000, 3_600, 86_400, u64::from(u32::MAX)]);
        for lifetime in lifetimes {
            for random in RANDOM {
                let sends = renewals(lifetime, random);
                assert!(sends.len() <= 40, "{lifetime}: {sends:?}");
                let before = [0].into_iter().chain(sends.iter().copied());
                for (before, at) in before.zip(&sends) {
                    assert!(before + 4_000 <= *at && *at < u128::from(lifetime) * 1_000, "{lifetime}");
                }
            }
        }
    }

    #[test]
    fn recreation_is_spread_over_five_seconds() {
        assert_eq!(recreate_wait(0), Duration::ZERO);
        assert_eq!(recreate_wait(u32::MAX).as_millis(), 4_999);
    }
}
