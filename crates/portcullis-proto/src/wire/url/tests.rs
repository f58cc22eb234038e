use super::*;

fn parse(text: &str) -> HttpUrl {
    HttpUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn parses_what_gateways_announce() {
    for (text, ip, port, target) in [
        ("http://192.168.1.1:5000/rootDesc.xml", Some("192.168.1.1"), 5000, "/rootDesc.xml"),
        ("HTTP://10.0.0.1", Some("10.0.0.1"), 80, "/"),
        ("http://10.0.0.1:/x#part", Some("10.0.0.1"), 80, "/x"),
        ("http://10.0.0.1?x=/y", Some("10.0.0.1"), 80, "/?x=/y"),
        (" http://10.0.0.1:88/a%0d%0ab?uuid:1\n", Some("10.0.0.1"), 88, "/a%0d%0ab?uuid:1"),
        ("http://[::1]:1900/igd.xml", Some("::1"), 1900, "/igd.xml"),
        ("http://[::ffff:127.0.0.1]:8080/", Some("::ffff:127.0.0.1"), 8080, "/"),
        ("http://[fe80::5eff:fe00:5300:001]:2869/", Some("fe80::5eff:fe00:5300:1"), 2869, "/"),
        ("http://evil.example:80/", None, 80, "/"),
        ("http://metadata.google.internal/", None, 80, "/"),
        ("http://2130706433/", None, 80, "/"),
        ("http://0x7f.1/", None, 80, "/"),
        ("http://0177.0.0.1/", None, 80, "/"),
        ("http://192.0.2.2.2:12345/device.xml", None, 12345, "/device.xml"),
        ("http://(null):1780/x", None, 1780, "/x"),
        ("http://h/../../../etc", None, 80, "/../../../etc"),
        ("http://h:6379//x", None, 6379, "//x"),
    ] {
        let url = parse(text);
        assert_eq!(url.ip(), ip.map(|ip| ip.parse().unwrap()), "{text}");
        assert_eq!((url.port(), url.target().as_str()), (port, target), "{text}");
    }
}

#[test]
fn refuses_what_nobody_should_dial() {
    let long = format!("http://h/{}", "a".repeat(1024));
    let endless = format!("http://h/{}", "a".repeat(65_536));
    let host = format!("http://{}/", "a".repeat(256));
    let percents = "%".repeat(10_000);
    for (text, error) in [
        ("", UrlError::Empty),
        ("  \n", UrlError::Empty),
        ("#top", UrlError::Empty),
        ("https://h/", UrlError::Scheme),
        ("file:///etc/passwd", UrlError::Scheme),
        ("ftp://h/", UrlError::Scheme),
        ("gopher://h/", UrlError::Scheme),
        ("javascript:alert(1)", UrlError::Scheme),
        ("/rootDesc.xml", UrlError::Scheme),
        ("192.168.1.1/x", UrlError::Scheme),
        (":", UrlError::Scheme),
        ("http:", UrlError::Host),
        ("http:/x", UrlError::Host),
        ("http://", UrlError::Host),
        ("http:///x", UrlError::Host),
        ("http://:80/", UrlError::Host),
        ("http://[fe80::1/", UrlError::Host),
        ("http://fe80::1]/", UrlError::Host),
        ("http://[fe80::1]80/", UrlError::Host),
        ("http://[fe80::1%25]x]/", UrlError::Host),
        ("http://[fe80::1%]/", UrlError::Host),
        ("http://[10.0.0.1]/", UrlError::Host),
        ("http://a\\b/", UrlError::Host),
        ("http://user:pw@h/", UrlError::UserInfo),
        ("http://@h/", UrlError::UserInfo),
        ("http://h:0/", UrlError::Port),
        ("http://h:65536/", UrlError::Port),
        ("http://h:99999999999/", UrlError::Port),
        ("http://h:-1/", UrlError::Port),
        ("http://h:+5/", UrlError::Port),
        ("http://fe80::1:80/", UrlError::Port),
        ("http://127.0.0.1:22/", UrlError::RefusedPort(22)),
        ("http://h:25/", UrlError::RefusedPort(25)),
        ("http://h:445/", UrlError::RefusedPort(445)),
        ("http://h/a b", UrlError::Character),
        ("http://h/a\r\nX: y", UrlError::Character),
        ("http://h/a\tb", UrlError::Character),
        ("http://h/a\0", UrlError::Character),
        ("http://h/\u{e4}", UrlError::Character),
        (&long, UrlError::TooLong),
        (&endless, UrlError::TooLong),
        (&percents, UrlError::TooLong),
        (&host, UrlError::Host),
    ] {
        assert_eq!(HttpUrl::parse(text), Err(error), "{:.40}", text);
    }
}

#[test]
fn allows_plain_http_ports_and_refuses_services() {
    for port in [80, 81, 88, 443, 800, 888, 1023, 1024, 1900, 6379, 65535] {
        assert_eq!(parse(&format!("http://h:{port}/")).port(), port);
    }
    for port in [1, 21, 22, 23, 25, 53, 69, 110, 139, 143, 179, 389, 445, 465, 514, 587, 623, 873, 993, 995]
        .into_iter()
        .chain([1720, 1723, 2049, 5060, 6000, 6667, 9100, 9107, 10080])
    {
        assert_eq!(HttpUrl::parse(&format!("http://h:{port}/")), Err(UrlError::RefusedPort(port)));
    }
}

#[test]
fn resolves_control_urls() {
    let base = parse("http://192.168.1.1:5000/dir/rootDesc.xml?old#x");
    for (reference, resolved) in [
        ("/ctl/IPConn", "http://192.168.1.1:5000/ctl/IPConn"),
        ("ctl/IPConn", "http://192.168.1.1:5000/dir/ctl/IPConn"),
        ("control?WANIPConnection", "http://192.168.1.1:5000/dir/control?WANIPConnection"),
        ("?x", "http://192.168.1.1:5000/dir/rootDesc.xml?x"),
        ("//other/x", "http://other/x"),
        ("http://10.9.9.9:49152/x?y#z", "http://10.9.9.9:49152/x?y"),
        ("@10.9.9.9:80/x", "http://192.168.1.1:5000/dir/@10.9.9.9:80/x"),
        ("10.9.9.9:80/x", "http://192.168.1.1:5000/dir/10.9.9.9:80/x"),
        ("dyndev/uuid:1", "http://192.168.1.1:5000/dir/dyndev/uuid:1"),
        ("../../../x", "http://192.168.1.1:5000/x"),
        ("..", "http://192.168.1.1:5000/"),
        ("./a/./b/../c?q=/../", "http://192.168.1.1:5000/dir/a/c?q=/../"),
        ("\n  /ctl \n", "http://192.168.1.1:5000/ctl"),
    ] {
        let url = base.resolve(reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
        assert_eq!(url.to_string(), resolved, "{reference}");
        assert_eq!(HttpUrl::parse(resolved), Ok(url));
    }
    assert_eq!(parse("http://h").resolve("ctl").unwrap().to_string(), "http://h/ctl");
}

#[test]
fn refuses_bad_references() {
    let base = parse("http://192.168.1.1/d.xml");
    let long = "a".repeat(1024);
    for (reference, error) in [
        ("", UrlError::Empty),
        ("http://", UrlError::Host),
        ("http:x", UrlError::Host),
        (":", UrlError::Scheme),
        ("javascript:x", UrlError::Scheme),
        ("//user@h/", UrlError::UserInfo),
        ("//h:22/", UrlError::RefusedPort(22)),
        ("/a\r\nb", UrlError::Character),
        (&long, UrlError::TooLong),
    ] {
        assert_eq!(base.resolve(reference), Err(error), "{:.40}", reference);
    }
}

#[test]
fn reads_zone_of_link_local_literal() {
    for (text, zone) in [
        ("http://[fe80::1%25eth0]/", Some("eth0")),
        ("http://[fe80::1%eth0]:80/", Some("eth0")),
        ("http://[fe80::1%25]/", Some("25")),
        ("http://[fe80::1]/", None),
        ("http://h/%25eth0", None),
    ] {
        let url = parse(text);
        assert_eq!(url.zone(), zone, "{text}");
        if text.contains('[') {
            assert_eq!(url.ip(), Some("fe80::1".parse().unwrap()));
        }
    }
}

#[test]
fn replaces_the_host() {
    let url = parse("http://evil.example:5000/x?y");
    assert_eq!(url.with_host("10.0.0.1".parse().unwrap()).to_string(), "http://10.0.0.1:5000/x?y");
    let url = url.with_host("fe80::1".parse().unwrap());
    assert_eq!(url.to_string(), "http://[fe80::1]:5000/x?y");
    assert_eq!(url.ip(), Some("fe80::1".parse().unwrap()));
}

#[test]
fn request_target_is_safe_in_a_request_line() {
    assert_eq!(RequestTarget::new("/a?b%20").unwrap().as_str(), "/a?b%20");
    for (text, error) in [
        ("", UrlError::Empty),
        ("a", UrlError::Character),
        ("/a b", UrlError::Character),
        ("/a#b", UrlError::Character),
        ("/\u{7f}", UrlError::Character),
    ] {
        assert_eq!(RequestTarget::new(text), Err(error), "{text:?}");
    }
}

#[test]
fn every_prefix_is_parsed_or_refused() {
    let text = "http://[fe80::1%25eth0]:5000/a/../b?c#d";
    for end in 0..=text.len() {
        let _ = HttpUrl::parse(&text[..end]);
        let _ = parse("http://h/a/b").resolve(&text[..end]);
    }
}
