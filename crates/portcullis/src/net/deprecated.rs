//! Addresses of IPv6 that are on their way out: their preferred lifetime is over (RFC 4862 section 5.5.4), as after a
//! provider has given the network another prefix.
//!
//! Linux tells in a file; that they change, by rtnetlink as every other change of addresses. Elsewhere, and where the
//! file may not be read (Android), no address is known to be deprecated: mappings stay with theirs until it is gone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// Of each interface, by its index.
pub(super) fn addresses() -> BTreeSet<(u32, IpAddr)> {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        read(&std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default())
    } else {
        BTreeSet::new()
    }
}

/// `IFA_F_DEPRECATED` of linux/if_addr.h.
const DEPRECATED: u8 = 0x20;

/// A line each, without signs between the digits: address, index of the interface, prefix length, scope, flags, name.
fn read(text: &str) -> BTreeSet<(u32, IpAddr)> {
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let index = u32::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u8::from_str_radix(fields.nth(2)?, 16).ok()?;
        (flags & DEPRECATED != 0).then_some((index, IpAddr::from(Ipv6Addr::from(address))))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_addresses_are_deprecated() {
        let text = "\
            00000000000000000000000000000001 01 80 10 80       lo\n\
            2a020ff0000000000000000000000007 02 40 00 20     eth0\n\
            2a020ff1000000000000000000000007 02 40 00 00     eth0\n\
            2a020ff0000000000000000000000008 0c 40 00 21    wlan0\n\
            fe800000000000000000000000000007 02 40 20 80     eth0\n";
        let deprecated = read(text);
        let expected = [(2, "2a02:ff0::7"), (12, "2a02:ff0::8")];
        let expected = expected.map(|(index, address)| (index, address.parse().unwrap()));
        assert_eq!(deprecated.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for text in ["", "\n", "zz 02 40 00 20 eth0", "2a020ff0000000000000000000000007 02 40", "a b c d e f"]
        {
            assert!(read(text).is_empty(), "{text}");
        }
    }
}
