use super::*;
use core::num::NonZeroU16;

fn entry() -> Entry {
    Entry {
        id: EntryId(0x00c0_ffee),
        method: Method::Pcp,
        gateway: "192.168.1.1".into(),
        remote: "192.168.1.1:5351".parse().unwrap(),
        control: None,
        protocol: Protocol::Udp,
        internal_address: "192.168.1.7".parse().unwrap(),
        internal_port: NonZeroU16::new(7_777).unwrap(),
        external_address: Some("81.2.69.142".parse().unwrap()),
        external_port: NonZeroU16::new(40_000).unwrap(),
        nonce: Some(Nonce([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xab, 0xff])),
        unique_id: None,
        description: "portcullis".into(),
        lifetime: Lifetime::from_seconds(7_200),
        expires: Some(Time::from_start(Duration::new(8_000, 5))),
        granted: true,
        custody: Custody::Kept,
    }
}

fn pinhole() -> Entry {
    Entry {
        id: EntryId(u64::MAX),
        method: Method::IgdPinhole,
        gateway: "Käse & Co. 100%".into(),
        remote: "[fe80::1%3]:49152".parse().unwrap(),
        control: Some((
            "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1".into(),
            "http://[fe80::1]:49152/ctl/IP6FCtl".into(),
        )),
        protocol: Protocol::Tcp,
        internal_address: "2a02:ff0::7".parse().unwrap(),
        external_address: None,
        nonce: None,
        unique_id: Some(u16::MAX),
        description: String::new(),
        lifetime: Lifetime::Permanent,
        expires: None,
        granted: false,
        custody: Custody::LeftOpen,
        ..entry()
    }
}

#[test]
fn reads_what_it_wrote() {
    let texts = ["", "-", "=", "%", "%41", " two  words ", "\u{202e}", "\u{10ffff}", "Ä\u{200b}"];
    let mut entries = vec![entry(), pinhole()];
    entries.extend(texts.map(|text| Entry { description: text.into(), gateway: text.into(), ..entry() }));
    entries.extend([Method::Pcp, Method::NatPmp, Method::Igd, Method::IgdPinhole].map(|method| Entry {
        method,
        expires: Some(Time::from_start(Duration::MAX)),
        ..pinhole()
    }));
    for entry in entries {
        let line = entry.to_line();
        assert!(line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{line}");
        assert_eq!(Entry::from_line(&line), Ok(entry), "{line}");
    }
}

#[test]
fn is_written_like_this() {
    assert_eq!(
        entry().to_line(),
        "1 0000000000c0ffee udp pcp 192.168.1.1:5351 192.168.1.7 7777 81.2.69.142 40000 \
         00010203040506070809abff - 7200 8000.000000005 =192.168.1.1 =portcullis - - granted ends"
    );
    assert_eq!(
        pinhole().to_line(),
        "1 ffffffffffffffff tcp igd-pinhole [fe80::1%3]:49152 2a02:ff0::7 7777 - 40000 - 65535 0 - \
         =K%c3%a4se%20&%20Co.%20100%25 = =urn:schemas-upnp-org:service:WANIPv6FirewallControl:1 \
         =http://[fe80::1]:49152/ctl/IP6FCtl asked outlives"
    );
}

#[test]
fn no_prefix_and_nothing_longer_is_an_entry() {
    for line in [entry().to_line(), pinhole().to_line()] {
        for length in 0..line.len() {
            assert!(Entry::from_line(&line[..length]).is_err(), "{}", &line[..length]);
        }
        for more in [" ", "\n", "\r", "s", " x", "\0"] {
            assert!(Entry::from_line(&format!("{line}{more}")).is_err());
        }
    }
}

#[test]
fn no_changed_byte_goes_unnoticed_unless_it_is_another_entry() {
    let line = entry().to_line();
    for at in 0..line.len() {
        for byte in 0..=u8::MAX {
            let mut changed = line.clone().into_bytes();
            changed[at] = byte;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            if let Ok(read) = Entry::from_line(&changed) {
                assert_eq!(read.to_line(), changed);
            }
        }
    }
}

#[test]
fn every_field_is_checked() {
    let line = entry().to_line();
    for (field, from, to) in [
        ("id", "0000000000c0ffee", "0000000000c0ffeg"),
        ("id", "0000000000c0ffee", "10000000000c0ffee"),
        ("spelling", "0000000000c0ffee", "0000000000C0FFEE"),
        ("spelling", "0000000000c0ffee", "c0ffee"),
        ("protocol", " udp ", " sctp "),
        ("spelling", " udp ", " UDP "),
        ("method", " pcp ", " stun "),
        ("server address", "192.168.1.1:5351", "router.example:5351"),
        ("spelling", "192.168.1.1:5351", "192.168.1.1:05351"),
        ("internal address", " 192.168.1.7 ", " - "),
        ("internal port", " 7777 ", " 0 "),
        ("internal port", " 7777 ", " 65536 "),
        ("spelling", " 7777 ", " +7777 "),
        ("external address", "81.2.69.142", "81.2.69.1420"),
        ("external port", " 40000 ", " - "),
        ("nonce", "00010203040506070809abff", "00010203040506070809ab"),
        ("nonce", "00010203040506070809abff", "00010203040506070809abff00"),
        ("nonce", "00010203040506070809abff", "0001020304050607080äabff"),
        ("spelling", "00010203040506070809abff", "+0010203040506070809abff"),
        ("unique id", " - 7200", " 65536 7200"),
        ("lifetime", " 7200 ", " 4294967296 "),
        ("lifetime", " 7200 ", " -1 "),
        ("expiry", "8000.000000005", "8000"),
        ("expiry", "8000.000000005", "18446744073709551616.000000005"),
        ("expiry", "8000.000000005", "18446744073709551615.1000000000"),
        ("spelling", "8000.000000005", "8000.5"),
        ("gateway", " =192.168.1.1 ", " 192.168.1.1 "),
        ("description", "=portcullis", "=%"),
        ("description", "=portcullis", "=%4"),
        ("description", "=portcullis", "=%0a"),
        ("description", "=portcullis", "=%c2%85"),
        ("description", "=portcullis", "=%ff"),
        ("description", "=portcullis", "=\n"),
        ("spelling", "=portcullis", "=%70ortcullis"),
        ("spelling", "=portcullis", "=%C3%A4"),
        ("spelling", "=portcullis", "=ä"),
        ("control point", " - - granted", " =type - granted"),
        ("control point", " - - granted", " - =url granted"),
        ("state", "granted", "Granted"),
        ("end", " ends", " end"),
    ] {
        assert!(line.contains(from), "{from}");
        let changed = line.replacen(from, to, 1);
        assert_eq!(Entry::from_line(&changed), Err(LineError::Invalid(field)), "{changed}");
    }
    for (changed, error) in [
        (line.replacen("1 ", "2 ", 1), LineError::Version),
        (String::new(), LineError::Version),
        ("1".into(), LineError::Missing("id")),
        (line.replacen(" udp", "", 1), LineError::Invalid("protocol")),
        (line.replacen(' ', "  ", 1), LineError::Invalid("id")),
        (format!("{line} "), LineError::Excess),
        ("1 ".repeat(Entry::MAX_LINE), LineError::TooLong),
    ] {
        assert_eq!(Entry::from_line(&changed), Err(error));
    }
}

#[test]
fn whatever_is_written_can_be_read() {
    let long = "\u{1b}ä".repeat(4_000);
    let full = "ä".repeat(MAX_CONTROL_URL / 2);
    for control in [
        (long.clone(), "http://192.168.1.1/".into()),
        ("type".into(), long.clone()),
        ("with\ncontrol".into(), "http://192.168.1.1/".into()),
    ] {
        let written =
            Entry { gateway: long.clone(), description: long.clone(), control: Some(control), ..entry() };
        let read = Entry::from_line(&written.to_line()).unwrap();
        assert_eq!(read.gateway, "ä".repeat(MAX_GATEWAY / 2));
        assert_eq!(read.description, "ä".repeat(MAX_DESCRIPTION / 2));
        assert_eq!(read.control, None);
    }
    let control = Some(("ä".repeat(MAX_SERVICE_TYPE / 2), full));
    let written = Entry { gateway: long.clone(), description: long, control, ..pinhole() };
    let line = written.to_line();
    assert!(line.len() <= Entry::MAX_LINE);
    assert_eq!(Entry::from_line(&line).unwrap().control, written.control);
}
