use super::*;
use crate::ExchangeError;
use crate::igd::description::DescriptionError;
use crate::igd::wan_connection::DecodeError;
use portcullis_proto::wire::url::UrlError;
use std::io;

#[test]
fn numbers_are_the_engines() {
    assert!(UpnpResult::ALL.iter().map(|&result| i32::from(result)).eq(0..=28));
    for &result in UpnpResult::ALL {
        assert_eq!(UpnpResult::from_i32(result as i32), Some(result));
        assert!(result.name().starts_with("UPNP_RESULT_"), "{result:?}");
    }
    assert_eq!(UpnpResult::from_i32(-1), None);
    assert_eq!(UpnpResult::from_i32(29), None);
}

#[test]
fn each_is_explained_in_one_sentence() {
    for result in UpnpResult::ALL {
        let sentence = result.to_string();
        assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
    }
}

#[test]
fn what_may_be_to_blame_is_named() {
    let sentence = UpnpResult::InvalidParam.to_string();
    for parameter in ["timeout", "time to live", "URL"] {
        assert!(sentence.contains(parameter), "{sentence}");
    }
    // Devices may have answered that the search was not for.
    assert!(UpnpResult::NoDevices.to_string().contains("searched for"));
}

#[test]
fn every_code_of_a_gateway_has_the_engines_result() {
    let table = [
        (402, 20),
        (403, 1),
        (501, 5),
        (606, 1),
        (714, 4),
        (715, 6),
        (716, 7),
        (718, 13),
        (724, 14),
        (725, 15),
        (726, 9),
        (727, 10),
        (728, 11),
        (729, 12),
        (732, 8),
        (733, 3),
    ];
    for code in -1..=65_536 {
        let expected = table.iter().find(|(known, _)| *known == code).map_or(28, |(_, result)| *result);
        assert_eq!(UpnpResult::from(UpnpErrorCode::from(code)) as i32, expected, "{code}");
    }
}

#[test]
fn every_failure_has_a_result() {
    let holder = "10.0.0.9".to_owned();
    for (failure, expected) in [
        (Failure::Fault(UpnpErrorCode::ConflictInMappingEntry, String::new()), 13),
        (Failure::NotAsked, 27),
        (Failure::NoAnswer, 27),
        (Failure::CannotSend(io::ErrorKind::AddrInUse), 24),
        (Failure::NoInterface("eth9".into()), 28),
        (Failure::Exchange(ExchangeError::Connect(io::ErrorKind::ConnectionRefused)), 23),
        (Failure::Exchange(ExchangeError::ConnectTimeout), 23),
        (Failure::Exchange(ExchangeError::NoReply), 23),
        (Failure::Exchange(ExchangeError::Broken(io::ErrorKind::ConnectionReset)), 23),
        (Failure::HttpStatus(404), 23),
        (Failure::Unconfirmed(500), 23),
        (Failure::Url(UrlError::Host), 23),
        (Failure::Soap(SoapError::Empty), 23),
        (Failure::Soap(SoapError::NotSoap), 21),
        (Failure::Decode(DecodeError::Missing("NewExternalIPAddress")), 21),
        (Failure::Description(DescriptionError::NotADescription), 21),
        (Failure::NoService, 26),
        (Failure::NotConfirmed, 5),
        (Failure::Conflict { code: None, holder: None, description: String::new() }, 13),
        (Failure::NotOurs { holder }, 1),
        (Failure::OwnerUnknown, 1),
        (Failure::NotIpv4, 20),
    ] {
        assert_eq!(UpnpResult::from(&failure) as i32, expected, "{failure}");
    }
}

#[test]
fn an_error_of_which_no_more_is_known_goes_by_its_kind() {
    for (kind, expected) in [
        (ErrorKind::NoGateway, 26),
        (ErrorKind::NoService, 26),
        (ErrorKind::Refused, 28),
        (ErrorKind::Conflict, 13),
        (ErrorKind::Timeout, 23),
        (ErrorKind::Unsupported, 28),
        (ErrorKind::Malformed, 21),
        (ErrorKind::Io, 24),
        (ErrorKind::InvalidInput, 20),
        (ErrorKind::Closed, 28),
    ] {
        assert_eq!(UpnpResult::from(&Error::new(kind)) as i32, expected, "{kind}");
    }
}

#[test]
fn only_arguments_are_blamed_on_the_caller() {
    let blamed: Vec<_> = UpnpResult::ALL.iter().filter(|result| result.is_argument_error()).collect();
    assert_eq!(
        blamed,
        [
            &UpnpResult::InvalidPort,
            &UpnpResult::InvalidProtocol,
            &UpnpResult::InvalidDuration,
            &UpnpResult::InvalidParam
        ]
    );
}
