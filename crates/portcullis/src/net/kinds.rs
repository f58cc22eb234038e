//! What kinds of IPv6 addresses this host has: those on their way out, whose preferred lifetime is over (RFC 4862 section
//! 5.5.4), as after a provider has given the network another prefix, and temporary ones (RFC 8981).
//!
//! Linux tells in a file; that they change, by rtnetlink as every other change of addresses. Elsewhere, and where the
//! file may not be read (Android), no address is known to be of either kind: mappings stay with theirs until it is gone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// What is said of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) deprecated: bool,
    pub(super) temporary: bool,
}

/// Of each interface, by its index.
pub(super) fn addresses() -> BTreeMap<(u32, IpAddr), Kind> {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        read(&std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default())
    } else {
        BTreeMap::new()
    }
}

/// `IFA_F_TEMPORARY` and `IFA_F_DEPRECATED` of linux/if_addr.h.
const TEMPORARY: u8 = 0x01;
const DEPRECATED: u8 = 0x20;

/// A line each, without signs between the digits: address, index of the interface, prefix length, scope, flags, name.
fn read(text: &str) -> BTreeMap<(u32, IpAddr), Kind> {
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let index = u32::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u8::from_str_radix(fields.nth(2)?, 16).ok()?;
        let kind = Kind { deprecated: flags & DEPRECATED != 0, temporary: flags & TEMPORARY != 0 };
        Some(((index, IpAddr::from(Ipv6Addr::from(address))), kind))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_addresses_are_deprecated_and_which_temporary() {
        let text = "\
            00000000000000000000000000000001 01 80 10 80       lo\n\
            2a020ff0000000000000000000000007 02 40 00 20     eth0\n\
            2a020ff1000000000000000000000007 02 40 00 00     eth0\n\
            2a020ff0000000000000000000000008 0c 40 00 21    wlan0\n\
            fe800000000000000000000000000007 02 40 20 80     eth0\n";
        let kinds = read(text);
        for (index, address, deprecated, temporary) in [
            (1, "::1", false, false),
            (2, "2a02:ff0::7", true, false),
            (2, "2a02:ff1::7", false, false),
            (12, "2a02:ff0::8", true, true),
            (2, "fe80::7", false, false),
        ] {
            let kind = kinds[&(index, address.parse().unwrap())];
            assert_eq!(kind, Kind { deprecated, temporary }, "{address}");
        }
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for text in ["", "\n", "zz 02 40 00 20 eth0", "2a020ff0000000000000000000000007 02 40", "a b c d"] {
            assert!(read(text).is_empty(), "{text}");
        }
    }
}
