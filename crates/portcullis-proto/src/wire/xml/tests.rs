use super::*;

fn events(document: &[u8]) -> Result<Vec<XmlEvent>, XmlError> {
    let mut reader = XmlReader::new(document)?;
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        events.push(event);
    }
    assert_eq!(reader.next_event(), Ok(None), "stays at its end");
    Ok(events)
}

/// Events in a short form: `<a`, `>a`, text as it is.
fn read(document: impl AsRef<[u8]>) -> Result<String, XmlError> {
    let short = events(document.as_ref())?.into_iter().map(|event| match event {
        XmlEvent::Start(name) => format!("<{name}"),
        XmlEvent::End(name) => format!(">{name}"),
        XmlEvent::Text(text) => text,
    });
    Ok(short.collect::<Vec<_>>().join(" "))
}

#[test]
fn reports_local_names_and_whole_text() {
    assert_eq!(
        read(
            "<?xml version=\"1.0\"?><!-- c --><s:a x='1'><b/>1&lt;<![CDATA[<&>]]>&#65;&#x42;<?p i?>2</s:a >"
        )
        .unwrap(),
        "<a <b >b 1<<&>AB2 >a"
    );
}

#[test]
fn tolerates_what_stands_around_the_document() {
    for document in [
        " \r\n\t<a>x</a>",
        "\0\0<a>x</a>\0\0",
        "\u{feff}<?xml version=\"1.0\"?><a>x</a>",
        "<?xml version=\"1.0\"?>\n<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<a>x</a>",
        "<a>x</a></b>\u{fffd}`(<!DOCTYPE x><",
    ] {
        assert_eq!(read(document).unwrap(), "<a x >a", "{document:?}");
    }
}

#[test]
fn refuses_what_is_not_xml() {
    for document in ["", " ", "\0", "x<a/>", "eList> <a/>", "<?xml version='1.0'?>x<a/>", "&lt;<a/>"] {
        assert_eq!(read(document), Err(XmlError::NotXml), "{document:?}");
    }
}

#[test]
fn recognises_web_pages() {
    for page in ["<!DOCTYPE html><html>", "<!doctype HTML PUBLIC \"x\">", "<HTML><body>", "<!-- --><head/>"] {
        assert_eq!(read(page), Err(XmlError::Html), "{page:?}");
    }
}

#[test]
fn refuses_document_types_and_what_they_declare() {
    for document in [
        "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><a>&lol2;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<!DOCTYPE a [<!ENTITY x \"",
        "<!DOCTYPE><a/>",
        "<!ENTITY x \"y\"><a/>",
        "<a><!ENTITY x \"y\"></a>",
    ] {
        assert_eq!(read(document), Err(XmlError::Dtd), "{document:?}");
    }
}

#[test]
fn keeps_unknown_references_as_written() {
    assert_eq!(read("<a>x & y &T; &copy; &amp</a>").unwrap(), "<a x & y &T; &copy; &amp >a");
    assert_eq!(read("<a>V&DEV_1&REV</a>").unwrap(), "<a V&DEV_1&REV >a");
}

#[test]
fn refuses_bad_character_references() {
    for reference in ["&#0;", "&#xD800;", "&#99999999999;", "&#x110000;", "&#;", "&#x;", "&#+65;", "&#xFFFE;"]
    {
        assert_eq!(read(format!("<a>{reference}</a>")), Err(XmlError::Entity), "{reference}");
    }
}

#[test]
fn repairs_tags_that_do_not_match() {
    assert_eq!(read("<a><b>1<c>2</c></a>").unwrap(), "<a <b 1 <c 2 >c >b >a");
    assert_eq!(read("<a></x>1</y></a>").unwrap(), "<a 1 >a");
    assert_eq!(read("<a><url>1</URL><c/></a>").unwrap(), "<a <url 1 >url <c >c >a");
}

#[test]
fn reports_a_document_that_stops_early() {
    let document = "<?xml version=\"1.0\"?><a b='c'><!--x--><d>&lt;<![CDATA[y]]></d></a>";
    for end in 1..document.len() {
        // `<!` might still have become a document type.
        let expected = if document[..end].ends_with("<!") { XmlError::Dtd } else { XmlError::UnexpectedEnd };
        assert_eq!(read(&document[..end]), Err(expected), "{:?}", &document[..end]);
    }
    let mut reader = XmlReader::new(b"<a><b>").unwrap();
    assert!(reader.next_event().is_ok() && reader.next_event().is_ok());
    assert_eq!(reader.next_event(), Err(XmlError::UnexpectedEnd));
    assert_eq!(reader.next_event(), Err(XmlError::UnexpectedEnd), "the error stays");
}

#[test]
fn bounds_size_depth_names_and_attributes() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(read(nested(MAX_DEPTH)).is_ok());
    assert_eq!(read(nested(MAX_DEPTH + 1)), Err(XmlError::TooDeep));
    assert_eq!(read("<a>".repeat(80_000)), Err(XmlError::TooDeep));
    assert_eq!(read(vec![b' '; MAX_DOCUMENT + 1]), Err(XmlError::TooLarge));
    assert_eq!(read(format!("<{}/>", "n".repeat(MAX_NAME + 1))), Err(XmlError::Syntax));
    assert_eq!(read("< a/>"), Err(XmlError::Syntax));

    let with_attributes = |count: usize| format!("<a {}/>", "x='1' ".repeat(count));
    assert!(read(with_attributes(MAX_ATTRIBUTES)).is_ok());
    assert_eq!(read(with_attributes(MAX_ATTRIBUTES + 1)), Err(XmlError::TooManyAttributes));
    assert_eq!(read(with_attributes(40_000)), Err(XmlError::TooManyAttributes));
    assert_eq!(read(format!("<a x='{}'/>", "=".repeat(70_000))), Err(XmlError::TooManyAttributes));
    assert_eq!(
        read(format!("<r>{}</r>", with_attributes(MAX_ATTRIBUTES).repeat(65))),
        Err(XmlError::TooManyAttributes)
    );
}

#[test]
fn reads_latin_1_and_refuses_what_is_no_superset_of_ascii() {
    assert_eq!(read(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>").unwrap(), "<a \u{e9} >a");
    assert_eq!(read(b"<a>\xe9\xff</a>").unwrap(), "<a \u{fffd}\u{fffd} >a", "lossy");
    assert_eq!(
        read(b"<?xml version='1.0' encoding='gb2312'?><a>\xc2\xb7\xd3</a>").unwrap(),
        "<a \u{b7}\u{fffd} >a"
    );

    let utf_16 = |unit: fn(u16) -> [u8; 2]| "<a/>".encode_utf16().flat_map(unit).collect::<Vec<_>>();
    for bytes in [
        utf_16(u16::to_le_bytes),
        utf_16(u16::to_be_bytes),
        [vec![0xff, 0xfe], utf_16(u16::to_le_bytes)].concat(),
        [vec![0xfe, 0xff], utf_16(u16::to_be_bytes)].concat(),
        b"<?xml version='1.0' encoding='UTF-16'?><a/>".to_vec(),
        b"<?xml version='1.0' encoding='UTF-7'?><a/>".to_vec(),
        b"<?xml version='1.0' encoding='x'?><a/>".to_vec(),
    ] {
        assert_eq!(read(&bytes), Err(XmlError::Encoding), "{bytes:?}");
    }
}

#[test]
fn knows_the_namespace_that_a_tag_declares() {
    let mut reader = XmlReader::new(b"<s:a xmlns:u='1' xmlns:s='2'><b xmlns=\"3\"><c/></b></s:a>").unwrap();
    for (name, namespace) in [("a", Some("2")), ("b", Some("3")), ("c", None)] {
        assert_eq!(reader.next_event().unwrap(), Some(XmlEvent::Start(name.into())));
        assert_eq!(reader.namespace(), namespace, "{name}");
    }
}

#[test]
fn survives_arbitrary_bytes() {
    let seed = b"<?xml version='1.0'?><s:a x=\"1\">&amp;&#6;<![CDATA[ ]]><!-- --><b/></s:a>";
    for position in 0..seed.len() {
        for byte in [0, b'<', b'>', b'&', b'"', b'!', b'/', b'?', b'[', 0xff] {
            let mut document = seed.to_vec();
            document[position] = byte;
            let _ = events(&document);
        }
    }
}
