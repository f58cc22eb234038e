//! Replies of real gateways decode to what they say, or to a named error.

#[path = "common/corpus.rs"]
mod corpus;

use std::num::NonZeroU16;

use corpus::Row;
use portcullis_proto::igd::error_code::UpnpErrorCode;
use portcullis_proto::igd::wan_connection::{
    Action, AddAnyPortMapping, AddPortMapping, ConnectionStatus, DecodeError, GetExternalIpAddress,
    GetGenericPortMappingEntry, GetSpecificPortMappingEntry, GetStatusInfo,
};
use portcullis_proto::wire::soap::{Arguments, Reply, SoapError, decode_reply};
use portcullis_proto::{Lifetime, Protocol};

const ACTIONS: [&str; 8] = [
    "GetExternalIPAddress",
    "GetGenericPortMappingEntry",
    "GetSpecificPortMappingEntry",
    "GetStatusInfo",
    "AddPortMapping",
    "AddAnyPortMapping",
    "DeletePortMapping",
    "GetNATRSIPStatus",
];

/// The action that the file's name tells; faults are the same for all.
fn action(row: &Row) -> &'static str {
    ACTIONS.into_iter().find(|action| row.file.contains(action)).unwrap_or("AddPortMapping")
}

fn decode(row: &Row) -> Result<Reply, SoapError> {
    decode_reply(&row.body, action(row))
}

fn success(row: &Row) -> Arguments {
    match decode(row) {
        Ok(Reply::Success(arguments)) => arguments,
        other => panic!("{}: {other:?}", row.file),
    }
}

fn row<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    rows.iter().find(|row| row.file.contains(name)).unwrap_or_else(|| panic!("no {name} in the corpus"))
}

#[test]
fn faults_have_the_code_of_the_index() {
    let Some(rows) = corpus::rows("soap") else { return };
    let mut checked = 0;
    for row in &rows {
        let code = row.column("tags").split(',').find_map(|tag| tag.strip_prefix("fault-"));
        let Some(code) = code.map(|code| code.parse::<i64>().unwrap()) else { continue };
        let Ok(Reply::Fault(fault)) = decode(row) else { panic!("{}: {:?}", row.file, decode(row)) };
        assert_eq!(fault.code, Some(code), "{}", row.file);
        assert!(!fault.description.is_empty(), "{}", row.file);
        let known = UpnpErrorCode::from(code);
        assert_ne!(known, UpnpErrorCode::Unknown(code), "{}", row.file);
        if row.file.contains("spec-fault") {
            assert_eq!(fault.description, known.name(), "{}", row.file);
        }
        checked += 1;
    }
    assert!(checked >= 23, "{checked} faults checked");
}

#[test]
fn successes_decode_or_say_what_is_wrong() {
    let Some(rows) = corpus::rows("soap") else { return };
    let mut checked = 0;
    for row in &rows {
        if !row.column("tags").contains("success-or-other") {
            continue;
        }
        checked += 1;
        if row.file.ends_with("synthetic-empty-body.http") {
            assert_eq!(decode(row), Err(SoapError::Empty));
            continue;
        }
        let arguments = success(row);
        if action(row) == "GetExternalIPAddress" {
            let name = "NewExternalIPAddress";
            let expected = match row.file.rsplit("GetExternalIPAddress-").next().unwrap() {
                "bare-text.http" | "lowercase.http" | "no-args.http" | "wrong-key.http" => {
                    Err(DecodeError::Missing(name))
                }
                "empty.http" | "text.http" => Err(DecodeError::Invalid(name)),
                _ => Ok(()),
            };
            assert_eq!(GetExternalIpAddress.decode(&arguments).map(drop), expected, "{}", row.file);
        } else if matches!(action(row), "AddPortMapping" | "DeletePortMapping") {
            assert_eq!(arguments.iter().count(), 0, "{}", row.file);
        } else {
            assert_ne!(arguments.iter().count(), 0, "{}", row.file);
        }
    }
    assert!(checked >= 34, "{checked} successes checked");
}

#[test]
fn addresses_are_the_ones_sent() {
    let Some(rows) = corpus::rows("soap") else { return };
    for (name, address) in [
        ("amplifi-GetExternalIPAddress-two-xml-decls", "192.168.178.2"),
        ("corega-cg-wlbarag2-GetExternalIPAddress", "172.25.3.49"),
        ("ddwrt-x86-brcm-GetExternalIPAddress", "11.222.33.111"),
        ("redsonic-GetExternalIPAddress", "11.22.33.44"),
        ("technicolor-tg789-GetExternalIPAddress", "198.51.100.224"),
        ("GetExternalIPAddress-reserved", "192.88.99.2"),
        ("GetExternalIPAddress-ipv6", "2001:db8:30c:db00:200:5eff:fe00:5301"),
    ] {
        let decoded = GetExternalIpAddress.decode(&success(row(&rows, name)));
        assert_eq!(decoded.map(|address| address.to_string()), Ok(address.to_owned()), "{name}");
    }
}

#[test]
fn states_are_read_whatever_the_uptime() {
    let Some(rows) = corpus::rows("soap") else { return };
    for (name, error, uptime) in [
        ("amplifi-GetStatusInfo", "ERROR_NONE", Some(1_720_267)),
        ("async-GetStatusInfo-uptime-text", "ERROR_NONE", None),
        ("technicolor-tg789-GetStatusInfo", "ERROR_IP_CONFIGURATION", Some(93_343)),
    ] {
        let info = GetStatusInfo.decode(&success(row(&rows, name))).unwrap();
        assert_eq!(info.connection_status, ConnectionStatus::Connected, "{name}");
        assert_eq!((info.last_connection_error.as_str(), info.uptime), (error, uptime), "{name}");
    }
}

#[test]
fn entries_are_read() {
    let Some(rows) = corpus::rows("soap") else { return };
    let generic = GetGenericPortMappingEntry { index: 0 };
    let entry =
        generic.decode(&success(row(&rows, "cisco-cga4131com-GetGenericPortMappingEntry.xml"))).unwrap();
    assert_eq!((entry.external_port, entry.internal_port, entry.protocol), (59_596, 59_596, Protocol::Tcp));
    assert_eq!(
        (entry.internal_client.as_str(), entry.description.as_str()),
        ("10.1.10.71", "uTorrent (TCP)")
    );
    assert_eq!((entry.enabled, entry.lifetime), (true, Lifetime::from_seconds(18_000)));

    let asked = NonZeroU16::new(1719).unwrap();
    let specific =
        GetSpecificPortMappingEntry { remote_host: None, external_port: asked, protocol: Protocol::Udp };
    for (name, internal_port, client, description, lease) in [
        ("amplifi-GetSpecific", 57_142, "192.168.188.91", "drasyl03620addca", 604_096),
        ("corega-cg-wlbarag2-GetSpecific", 1719, "192.168.1.12", "NETCS_RAS", 0),
        ("miniupnpc-GetSpecific", 12_345, "192.168.10.110", "libminiupnpc", 0),
    ] {
        let entry = specific.decode(&success(row(&rows, name))).unwrap();
        assert_eq!((entry.external_port, entry.internal_port), (1719, internal_port), "{name}");
        assert_eq!(
            (entry.internal_client.as_str(), entry.description.as_str()),
            (client, description),
            "{name}"
        );
        assert_eq!(entry.lifetime, Lifetime::from_seconds(lease), "{name}");
    }

    let add = AddAnyPortMapping(AddPortMapping {
        remote_host: None,
        external_port: asked,
        protocol: Protocol::Udp,
        internal_port: asked,
        internal_client: [192, 168, 1, 2].into(),
        enabled: true,
        description: String::new(),
        lifetime: Lifetime::Permanent,
    });
    assert_eq!(
        add.decode(&success(row(&rows, "spec-AddAnyPortMapping-ok"))).map(NonZeroU16::get),
        Ok(40_123)
    );
    assert_eq!(success(row(&rows, "GetNATRSIPStatus")).get("NewNATEnabled"), Some("1"));
}

#[test]
fn a_reply_that_is_cut_off_is_an_error_or_the_same_value() {
    let Some(rows) = corpus::rows("soap") else { return };
    for row in &rows {
        let whole = decode(row);
        for end in 0..row.body.len() {
            if let Ok(reply) = decode_reply(&row.body[..end], action(row)) {
                assert_eq!(Ok(&reply), whole.as_ref(), "{} cut at {end}", row.file);
            }
        }
    }
}
