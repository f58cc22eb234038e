use super::*;
use crate::wire::soap::{encode_fault, encode_response};

const ACTION: &str = "GetExternalIPAddress";

fn envelope(body: &str) -> String {
    format!("<s:Envelope xmlns:s='x'><s:Body>{body}</s:Body></s:Envelope>")
}

fn decode(body: &str) -> Result<Reply, SoapError> {
    decode_reply(envelope(body).as_bytes(), ACTION)
}

fn address(body: &str) -> Result<String, SoapError> {
    match decode(body)? {
        Reply::Success(arguments) => Ok(arguments.get("NewExternalIPAddress").unwrap_or("-").to_owned()),
        Reply::Fault(fault) => panic!("{fault:?}"),
    }
}

fn fault(body: &str) -> Fault {
    match decode(body) {
        Ok(Reply::Fault(fault)) => fault,
        other => panic!("{body}: {other:?}"),
    }
}

fn coded(code: &str) -> Fault {
    fault(&format!(
        "<s:Fault><detail><UPnPError><errorCode>{code}</errorCode></UPnPError></detail></s:Fault>"
    ))
}

#[test]
fn reads_arguments_whatever_the_prefix() {
    let response = "<Z:GetExternalIPAddressResponse xmlns:Z='urn:other:9'>\n <a:NewExternalIPAddress>\
                    <![CDATA[1.2.3.4]]></a:NewExternalIPAddress>\n</Z:GetExternalIPAddressResponse>";
    assert_eq!(address(response), Ok("1.2.3.4".into()));
    assert_eq!(address("<GetExternalIPAddressResponse/>"), Ok("-".into()));
    assert_eq!(
        address("<GetExternalIPAddressResponse>1.2.3.4</GetExternalIPAddressResponse>"),
        Ok("-".into())
    );
    let unclosed =
        "<GetExternalIPAddressResponse><NewExternalIPAddress>1.2.3.4</GetExternalIPAddressResponse>";
    assert_eq!(address(unclosed), Ok("1.2.3.4".into()));
}

#[test]
fn tells_an_empty_answer_from_a_wrong_one() {
    for body in ["", " \r\n", "\0"] {
        assert_eq!(decode_reply(body.as_bytes(), ACTION), Err(SoapError::Empty));
    }
    assert_eq!(decode(" \n "), Err(SoapError::Empty));
    assert_eq!(decode("<DeletePortMappingResponse/>"), Err(SoapError::WrongAction));
    assert_eq!(decode("<GetExternalIPAddress/>"), Err(SoapError::WrongAction), "our own request");
    assert_eq!(decode("<getexternalipaddressresponse/>"), Err(SoapError::WrongAction));
    assert_eq!(
        decode("<GetExternalIPAddressResponse/><DeletePortMappingResponse/>"),
        Err(SoapError::WrongAction)
    );
    assert_eq!(decode_reply(b"<root><Body/></root>", ACTION), Err(SoapError::NotSoap));
    assert_eq!(decode_reply(b"<Envelope/>", ACTION), Err(SoapError::NotSoap));
    assert_eq!(decode_reply(b"<html><body>", ACTION), Err(SoapError::Xml(XmlError::Html)));
    assert_eq!(decode_reply(b"OK", ACTION), Err(SoapError::Xml(XmlError::NotXml)));
}

#[test]
fn refuses_contradictory_and_endless_arguments() {
    let twice = |a: &str, b: &str| {
        let argument = |value: &str| format!("<NewExternalIPAddress>{value}</NewExternalIPAddress>");
        let response = format!(
            "<GetExternalIPAddressResponse>{}{}</GetExternalIPAddressResponse>",
            argument(a),
            argument(b)
        );
        address(&response)
    };
    assert_eq!(twice("1.2.3.4", " 1.2.3.4\n"), Ok("1.2.3.4".into()));
    assert_eq!(twice("1.2.3.4", "5.6.7.8"), Err(SoapError::Ambiguous));
    let arguments: String = (0..=MAX_ARGUMENTS).map(|n| format!("<N{n}/>")).collect();
    let response = format!("<GetExternalIPAddressResponse>{arguments}</GetExternalIPAddressResponse>");
    assert_eq!(decode(&response), Err(SoapError::TooManyArguments));
}

#[test]
fn keeps_one_large_argument() {
    let listing = "<p:PortMappingEntry/>".repeat(4_000);
    let body = encode_response("urn:x", "GetListOfPortMappings", &[("NewPortListing", &listing)]);
    let Ok(Reply::Success(arguments)) = decode_reply(body.as_bytes(), "GetListOfPortMappings") else {
        panic!("refused")
    };
    assert_eq!(arguments.get("NewPortListing"), Some(listing.as_str()));
}

#[test]
fn a_fault_wins_over_everything_else_in_the_body() {
    let success = "<GetExternalIPAddressResponse/>";
    let refusal = "<s:Fault><errorCode> 501 </errorCode></s:Fault>";
    assert_eq!(fault(&format!("{success}{refusal}")).code, Some(501));
    assert_eq!(fault(&format!("{refusal}{success}")).code, Some(501));
    assert_eq!(fault("<x><y><UPnPError><errorCode>714</errorCode></UPnPError></y></x>").code, Some(714));
    assert_eq!(fault("<s:Fault/>"), Fault { code: None, description: String::new() });
}

#[test]
fn reads_codes_only_where_they_are_codes() {
    for (text, code) in [
        ("725", Some(725)),
        (" \n725\t", Some(725)),
        ("<![CDATA[725]]>", Some(725)),
        ("65535", Some(65_535)),
        ("0", None),
        ("-1", Some(-1)),
        ("-", None),
        ("+718", None),
        ("65536", Some(65_536)),
        ("4294967296", Some(4_294_967_296)),
        ("99999999999999999999", None),
        ("725abc", None),
        ("", None),
        ("725</errorCode><errorCode>718", None),
        ("725</errorCode><errorCode>725", Some(725)),
    ] {
        assert_eq!(coded(text).code, code, "{text:?}");
    }
}

#[test]
fn describes_a_fault_as_well_as_it_can() {
    let described = |inner: &str| fault(&format!("<SOAP-ENV:Fault>{inner}</SOAP-ENV:Fault>")).description;
    let code = "<errorCode>402</errorCode>";
    assert_eq!(
        described(&format!("{code}<errorDescription> Invalid Args </errorDescription>")),
        "Invalid Args"
    );
    assert_eq!(described(&format!("<faultstring>UPnPError</faultstring>{code}")), "");
    assert_eq!(described("<faultstring>no such service</faultstring>"), "no such service");
    let garbage = "<errorDescription>\u{202e}bad&#9;&lt;b&gt;\u{7f}\u{85}\n</errorDescription>";
    assert_eq!(described(garbage), "bad <b>");
    let endless = format!("<errorDescription>{}</errorDescription>", "\u{e9}".repeat(100_000));
    assert_eq!(described(&endless).len(), 256);
}

#[test]
fn every_prefix_is_an_error_or_the_same_value() {
    let arguments = [("NewExternalIPAddress", "192.0.2.1")];
    for document in
        [encode_response("urn:x", ACTION, &arguments), encode_fault(718, "ConflictInMappingEntry")]
    {
        let whole = decode_reply(document.as_bytes(), ACTION).unwrap();
        let mut complete = 0;
        for end in 0..document.len() {
            match decode_reply(&document.as_bytes()[..end], ACTION) {
                Ok(reply) => {
                    assert_eq!(reply, whole, "{}", &document[..end]);
                    complete += 1;
                }
                Err(SoapError::Empty | SoapError::Xml(_)) => {}
                Err(error) => panic!("{error:?} for {}", &document[..end]),
            }
        }
        assert_eq!(complete, "</s:Body></s:Envelope>".len(), "cut behind the answer it still counts");
    }
}

#[test]
fn a_gateway_reads_requests_but_not_faults() {
    let request = decode_request(envelope("<u:Do xmlns:u='urn:x'><A>1</A></u:Do>").as_bytes()).unwrap();
    assert_eq!((request.service_type.as_str(), request.action.as_str()), ("urn:x", "Do"));
    assert_eq!(request.arguments.get("A"), Some("1"));
    assert_eq!(decode_request(encode_fault(401, "").as_bytes()), Err(SoapError::NotSoap));
    assert_eq!(decode_request(envelope("").as_bytes()), Err(SoapError::Empty));
}
