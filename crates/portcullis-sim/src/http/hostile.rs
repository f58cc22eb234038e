//! Bodies and replies that harm a trusting client, for [`HttpOddity::Body`] and [`HttpOddity::Raw`].
//!
//! [`HttpOddity::Body`]: crate::HttpOddity::Body
//! [`HttpOddity::Raw`]: crate::HttpOddity::Raw

/// The login page of a captive portal (attack D17).
pub const LOGIN_PAGE: &[u8] =
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title><meta charset=utf-8></head>\
    <body><form method=post><input name=user><input name=password type=password><br></form></body></html>\n";

/// A gateway's farewell, as it says it before it restarts (UPnP Device Architecture 1.1 section 1.2.3).
pub const FAREWELL: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\
    NT: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nNTS: ssdp:byebye\r\n\
    USN: uuid:5c1e8a4e-7d2b-4f6a-9000-000000000000::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\
    BOOTID.UPNP.ORG: 1\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n";

/// Nested entities that grow to gigabytes where they are expanded (attack D1).
pub const BILLION_LAUGHS: &[u8] = b"<?xml version=\"1.0\"?>\n<!DOCTYPE root [<!ENTITY a \"ha\">\
    <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">\
    <!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">\
    <!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\"><!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">\
    <!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;\"><!ENTITY i \"&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;\">]>\n\
    <root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><friendlyName>&i;</friendlyName></device></root>\n";

/// An entity that stands for a file of the client's (attack D2).
pub const EXTERNAL_ENTITY: &[u8] = b"<?xml version=\"1.0\"?>\n<!DOCTYPE root [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n\
    <root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><friendlyName>&x;</friendlyName></device></root>\n";

/// What a port that expects TLS says (attack C12).
pub const TLS_ALERT: &[u8] = b"\x15\x03\x01\x00\x02\x02\x46";

/// A length and chunks at once (attack C7).
pub const LENGTH_AND_CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

/// A length beyond any number (attack C5).
pub const HUGE_LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n<root/>";

/// A chunk beyond any memory (attack C8).
pub const HUGE_CHUNK: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n<root/>";
