//! Hostile documents and actions, where the whole session has to live with them; how single documents are
//! read is tested beside their readers.

use crate::budget::{Verdict, once, serving, survives, tells_what_happened};
use crate::pair::{Tcp, description, reply};
use core::time::Duration;
use portcullis_proto::client::{ErrorKind, Failure, Outcome};
use portcullis_proto::igd::description::DescriptionError;
use portcullis_proto::igd::error_code::UpnpErrorCode;
use portcullis_proto::wire::soap::SoapError;
use portcullis_proto::wire::xml::XmlError;

/// The device's description is this document.
fn described_by(document: &str) -> Verdict {
    survives(|| {
        let document = document.to_owned();
        vec![serving(move |_| once(reply(200, &document)))]
    })
}

/// The device has a good description, and answers each action, by name, with this reply.
fn acting(answer: impl Fn(&str) -> Vec<u8> + Clone + 'static) -> Verdict {
    named("Scripted", answer)
}

fn named(name: &str, answer: impl Fn(&str) -> Vec<u8> + Clone + 'static) -> Verdict {
    survives(|| {
        let (answer, name) = (answer.clone(), name.to_owned());
        vec![serving(move |request| {
            if request.starts_with("GET ") {
                return once(reply(200, &description("/ctl").replace("Scripted", &name)));
            }
            let line = request.lines().find(|line| line.starts_with("SOAPAction:")).unwrap();
            once(answer(line.trim_end_matches('"').rsplit_once('#').unwrap().1))
        })]
    })
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}\
         </s:Body></s:Envelope>"
    )
}

fn success(action: &str, arguments: &str) -> String {
    envelope(&format!("<u:{action}Response xmlns:u=\"urn:x\">{arguments}</u:{action}Response>"))
}

fn fault(code: &str, text: &str) -> Vec<u8> {
    let fault = envelope(&format!(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError>\
         <errorCode>{code}</errorCode><errorDescription>{text}</errorDescription></UPnPError></detail></s:Fault>"
    ));
    reply(500, &fault)
}

#[track_caller]
fn is_refused(document: &str, error: XmlError) {
    let verdict = described_by(document);
    assert_eq!(*verdict.search.failure(), Failure::Description(DescriptionError::Xml(error)));
    assert_eq!(verdict.search.record.connects().len(), 1);
}

/// D1, D2
#[test]
fn entities_are_refused_and_nothing_is_opened_for_them() {
    for bomb in [portcullis_sim::hostile::BILLION_LAUGHS, portcullis_sim::hostile::EXTERNAL_ENTITY] {
        is_refused(core::str::from_utf8(bomb).unwrap(), XmlError::Dtd);
    }
    let remote = "<!DOCTYPE root SYSTEM \"http://10.255.255.1/x.dtd\"><root><device/></root>";
    is_refused(remote, XmlError::Dtd);
}

/// D3
#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    let deep = |levels: usize| is_refused(&format!("<root>{}", "<a>".repeat(levels)), XmlError::TooDeep);
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    thread.spawn(move || [33, 2_000, 80_000].into_iter().for_each(deep)).unwrap().join().unwrap();
}

/// D4
#[test]
fn a_crowd_of_services_neither_hides_the_gateway_nor_fills_the_heap() {
    let crowd = "<service><serviceType>urn:x:service:Y:1</serviceType><controlURL>/y</controlURL></service>";
    let good = description("/ctl");
    let crowded = good.replacen("<serviceList>", &format!("<serviceList>{}", crowd.repeat(2_500)), 1);
    assert!(crowded.len() < 256 * 1024);
    let verdict = described_by(&crowded);
    let device = &verdict.search.devices()[0];
    assert_eq!(device.control_points.len(), 1);
    assert!(device.services().len() <= 64);
}

/// D4: as many services to map with as fit, each with a way and another one, are not all asked.
#[test]
fn a_crowd_of_wan_connections_is_not_asked_one_by_one() {
    let service = "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
                   <controlURL>/ctl</controlURL></service>";
    let crowded =
        description("/ctl").replacen("<serviceList>", &format!("<serviceList>{}", service.repeat(500)), 1);
    let crowded = crowded.replacen("<device>", "<URLBase>http://10.0.0.1:81/</URLBase><device>", 1);
    let verdict = described_by(&crowded);
    let device = &verdict.search.devices()[0];
    assert!(device.control_points.len() <= 8, "{} control points", device.control_points.len());
}

/// D5
#[test]
fn attributes_are_counted() {
    let attributes: String = (0..20_000).map(|n| format!(" a{n}=\"\"")).collect();
    is_refused(&format!("<root{attributes}><device/></root>"), XmlError::TooManyAttributes);
}

/// D12, D13
#[test]
fn an_answer_to_another_action_is_none() {
    let verdict = acting(|_| reply(200, &success("DeletePortMapping", "")));
    assert_eq!(*verdict.map.first_failure(), Failure::Soap(SoapError::WrongAction));
    // Whatever was swapped, an add is not taken for done by the answer to something else.
    let verdict = acting(|action| {
        let other = if action == "AddPortMapping" { "GetExternalIPAddress" } else { "AddPortMapping" };
        reply(200, &success(other, "<NewExternalIPAddress>81.2.69.142</NewExternalIPAddress>"))
    });
    assert!(verdict.map.result.is_err());
}

/// D14
#[test]
fn faults_keep_their_code_and_a_bounded_text() {
    for (code, expected) in [
        ("606", UpnpErrorCode::from(606)),
        ("0", UpnpErrorCode::Unknown(0)),
        ("-1", UpnpErrorCode::Unknown(-1)),
        ("4294967296", UpnpErrorCode::Unknown(4_294_967_296)),
        ("99999999999999999999", UpnpErrorCode::Unknown(0)),
        ("--1", UpnpErrorCode::Unknown(0)),
        ("725abc", UpnpErrorCode::Unknown(0)),
        ("", UpnpErrorCode::Unknown(0)),
    ] {
        let text = format!("&lt;b&gt;\u{1b}[31m{}", "\u{1f600}".repeat(20_000));
        let verdict = named(&"\u{1f600}".repeat(200), move |_| fault(code, &text));
        let Failure::Fault(told, text) = verdict.map.first_failure() else { panic!("{code}") };
        assert_eq!(*told, expected);
        assert!(text.len() <= 256 && !text.chars().any(char::is_control), "{text:?}");
        let error = verdict.map.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        tells_what_happened(&error);
    }
}

/// D14: what is told of a mapping in the way is bounded as well.
#[test]
fn a_conflict_has_a_bounded_text() {
    let long = "\u{1f600}x".repeat(5_000);
    let verdict = named(&"n".repeat(500), move |action| match action {
        "GetSpecificPortMappingEntry" => reply(
            200,
            &success(
                action,
                &format!(
                    "<NewInternalPort>1</NewInternalPort><NewInternalClient>{long}</NewInternalClient>\
                     <NewEnabled>1</NewEnabled><NewPortMappingDescription>{long}</NewPortMappingDescription>\
                     <NewLeaseDuration>0</NewLeaseDuration>"
                ),
            ),
        ),
        _ => fault("718", "ConflictInMappingEntry"),
    });
    let error = verdict.map.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    tells_what_happened(&error);
    assert!(error.to_string().contains("the port is mapped to"), "{error}");
    assert!(error.to_string().ends_with("(choose another port, or let the gateway choose one)"), "{error}");
}

/// D15
#[test]
fn the_body_decides_and_doubt_is_read_back() {
    // A fault under status 200 is a fault.
    let verdict = acting(|_| {
        let fault = String::from_utf8(fault("606", "no")).unwrap();
        reply(200, fault.split_once("\r\n\r\n").unwrap().1)
    });
    assert_eq!(verdict.map.result.unwrap_err().kind(), ErrorKind::Refused);
    // A success under status 500, and nothing under 200, are looked up; the table does not have it.
    for doubtful in [reply(500, &success("AddPortMapping", "")), reply(200, "")] {
        let verdict = acting(move |action| match action {
            "AddPortMapping" => doubtful.clone(),
            _ => fault("714", "NoSuchEntryInArray"),
        });
        assert!(verdict.map.result.is_err());
        let actions = verdict.map.record.actions();
        assert!(actions.iter().any(|action| action == "GetSpecificPortMappingEntry"), "{actions:?}");
    }
}

/// D16
#[test]
fn no_prefix_of_a_success_is_taken_for_one() {
    let whole = success("AddPortMapping", "");
    let answers = |cut: usize| {
        let part = whole[..cut].to_owned();
        acting(move |action| match action {
            // No length, so that only the text can tell that it is cut off.
            "AddPortMapping" => format!("HTTP/1.1 200 OK\r\n\r\n{part}").into_bytes(),
            _ => fault("714", "NoSuchEntryInArray"),
        })
    };
    let complete = whole.find("</s:Body>").unwrap();
    for cut in (0..complete).step_by(7).chain([complete - 1]) {
        assert!(answers(cut).map.result.is_err(), "{}", &whole[..cut]);
    }
    assert!(matches!(answers(whole.len()).map.result, Ok(Outcome::Mapped(_))));
}

/// D17
#[test]
fn a_login_page_is_called_one() {
    let page = core::str::from_utf8(portcullis_sim::hostile::LOGIN_PAGE).unwrap();
    let verdict = described_by(page);
    assert_eq!(*verdict.search.failure(), Failure::Description(DescriptionError::NotADescription));
    let error = verdict.map.result.unwrap_err();
    assert!(error.attempts().iter().any(|attempt| attempt.to_string().contains("login page")));
    assert!(acting(|_| reply(200, "<!DOCTYPE html><html></html>")).map.result.is_err());
}

/// D18
#[test]
fn contradictory_refusals_end() {
    for cycle in [["725", "402", "718"], ["402", "605", "724"], ["501", "725", "718"], ["718", "718", "718"]]
    {
        let verdict = survives(move || {
            let mut asked = 0;
            vec![serving(move |request| {
                if request.starts_with("GET ") {
                    return once(reply(200, &description("/ctl")));
                }
                if !request.contains("#AddPortMapping") {
                    return once(fault("714", "NoSuchEntryInArray"));
                }
                asked += 1;
                once(fault(cycle[asked % 3], "no"))
            })]
        });
        assert!(verdict.map.result.is_err());
        let adds =
            verdict.map.record.actions().into_iter().filter(|action| action.starts_with("Add")).count();
        assert!(adds <= 6, "{adds} adds for {cycle:?}");
    }
}

/// The answer to a question arrives a byte at a time, and is the same answer.
#[test]
fn an_answer_in_single_bytes_is_an_answer() {
    let bytes = |reply: Vec<u8>| {
        reply.into_iter().map(|byte| (Duration::ZERO, Tcp::Send(vec![byte]))).collect::<Vec<_>>()
    };
    let verdict = survives(|| {
        vec![serving(move |request| {
            bytes(if request.starts_with("GET ") {
                reply(200, &description("/ctl"))
            } else if request.contains("#AddPortMapping") {
                reply(200, &success("AddPortMapping", ""))
            } else {
                fault("501", "")
            })
        })]
    });
    assert!(matches!(verdict.map.result, Ok(Outcome::Mapped(_))));
}
