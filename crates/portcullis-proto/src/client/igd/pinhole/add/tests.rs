use super::super::testing::*;
use super::*;
use crate::client::error::{Attempt, Error, ErrorKind};
use crate::client::exchange::ExchangeError;
use crate::igd::ipv6_firewall::DecodeError;

fn add() -> Add {
    Add::new(Protocol::Udp, 7777.try_into().unwrap(), Lifetime::from_seconds(3_600))
}

/// Starts, and answers each question; what comes then.
fn after(answers: impl IntoIterator<Item = CallResult>) -> Next<Opened> {
    let mut add = add();
    let first = add.start(&point());
    answers.into_iter().fold(first, |next, answer| {
        call(next);
        add.resume(&point(), answer)
    })
}

fn status(enabled: &str, allowed: &str) -> CallResult {
    says(&[("FirewallEnabled", enabled), ("InboundPinholeAllowed", allowed)])
}

fn why(answers: impl IntoIterator<Item = CallResult>) -> Failure {
    let stop = done(after(answers)).unwrap_err();
    assert_eq!(stop.step, Step::Action("AddPinhole"));
    stop.failure
}

#[test]
fn opens_our_own_address_to_everybody_and_keeps_the_number() {
    let (action, request) = asks(after([]));
    assert_eq!(action, "AddPinhole");
    for argument in [
        "<RemoteHost></RemoteHost>",
        "<RemotePort>0</RemotePort>",
        "<InternalClient>2a02:ff0::7</InternalClient>",
        "<InternalPort>7777</InternalPort>",
        "<Protocol>17</Protocol>",
        "<LeaseTime>3600</LeaseTime>",
    ] {
        assert!(request.contains(argument), "{argument}: {request}");
    }
    // What else an answer may say is not looked at.
    let reply = says(&[("UniqueID", "42"), ("InternalClient", "2a02:ff0::bad"), ("LeaseTime", "1")]);
    let opened = done(after([reply])).unwrap();
    assert_eq!((opened.unique_id, opened.lifetime), (UniqueId(42), Lifetime::from_seconds(3_600)));
    assert_eq!(opened.internal_client.to_string(), OURS);
}

#[test]
fn the_lease_is_a_day_at_most() {
    for lifetime in [Lifetime::Permanent, Lifetime::from_seconds(604_800)] {
        let mut add = Add::new(Protocol::Tcp, 7777.try_into().unwrap(), lifetime);
        let (_, request) = asks(add.start(&point()));
        assert!(request.contains("<LeaseTime>86400</LeaseTime><"), "{request}");
        let opened = done(add.resume(&point(), says(&[("UniqueID", "1")]))).unwrap();
        assert_eq!(opened.lifetime, Lifetime::from_seconds(86_400));
    }
}

#[test]
fn an_address_that_is_not_global_is_not_opened() {
    for (local, failure) in [
        ("192.168.1.7", Failure::NotIpv6),
        ("::ffff:192.168.1.7", Failure::NotIpv6),
        ("fe80::7", Failure::NotGlobal("fe80::7".parse().unwrap())),
        ("fd99::7", Failure::NotGlobal("fd99::7".parse().unwrap())),
        ("::1", Failure::NotGlobal(Ipv6Addr::LOCALHOST)),
        ("::", Failure::NotGlobal(Ipv6Addr::UNSPECIFIED)),
    ] {
        let next = add().start(&from(local));
        assert_eq!(done(next), Err(stopped("AddPinhole", failure.clone())), "{local}");
        assert_eq!(failure.kind(), ErrorKind::Unsupported);
    }
    let mut simulated = from("::1");
    simulated.remote = "[::1]:5000".parse().unwrap();
    assert_eq!(asks(add().start(&simulated)).0, "AddPinhole");
}

#[test]
fn a_refusal_that_says_why_ends_it() {
    for (code, firewall_enabled) in
        [(UpnpErrorCode::FirewallDisabled, false), (UpnpErrorCode::InboundPinholeNotAllowed, true)]
    {
        assert_eq!(why([refuses(code.code())]), Failure::NoPinholes { code, firewall_enabled });
    }
    for code in [401, 602, 701, 705, 706, 707, 708] {
        let failure = why([refuses(code)]);
        assert!(matches!(&failure, Failure::Fault(told, _) if told.code() == code), "{code}: {failure}");
    }
}

#[test]
fn any_other_refusal_is_explained_by_the_firewalls_state() {
    for code in [402, 501, 606, 709, 718, 899] {
        assert_eq!(asks(after([refuses(code)])).0, "GetFirewallStatus");
        let failure = why([refuses(code), status("1", "1")]);
        assert!(matches!(&failure, Failure::Fault(told, _) if told.code() == code), "{code}: {failure}");
    }
    let code = UpnpErrorCode::ActionNotAuthorized;
    for (enabled, allowed, firewall_enabled) in [("0", "0", false), ("0", "1", false), ("1", "0", true)] {
        let failure = why([refuses(606), status(enabled, allowed)]);
        assert_eq!(failure, Failure::NoPinholes { code, firewall_enabled });
    }
    for unknown in [refuses(401), silence(), status("perhaps", "1"), says(&[])] {
        assert_eq!(why([refuses(606), unknown]), Failure::Fault(code, String::new()));
    }
}

#[test]
fn a_lost_answer_is_asked_for_with_another_lease() {
    let (action, request) = asks(after([silence()]));
    assert!(action == "AddPinhole" && request.contains("<LeaseTime>3599</LeaseTime>"), "{request}");
    let opened = done(after([silence(), silence(), says(&[("UniqueID", "0")])])).unwrap();
    assert_eq!((opened.unique_id, opened.lifetime), (UniqueId(0), Lifetime::from_seconds(3_598)));
    assert_eq!(why([silence(), silence(), silence()]).kind(), ErrorKind::Timeout);
    // Whoever is not there has nothing.
    let absent = || Err(Failure::Exchange(ExchangeError::ConnectTimeout));
    assert_eq!(why([absent()]).kind(), ErrorKind::Timeout);
}

#[test]
fn a_number_that_is_none_is_no_success() {
    for reply in [says(&[]), says(&[("UniqueID", "")]), says(&[("UniqueID", "65536")])] {
        let failure = why([reply]);
        assert!(
            matches!(failure, Failure::Decode(DecodeError::Missing(_) | DecodeError::Invalid(_))),
            "{failure}"
        );
    }
}

#[test]
fn it_knows_what_it_may_leave_behind() {
    let mut add = add();
    add.start(&point());
    assert!(add.is_adding() && !add.may_have_added());
    assert_eq!(add.abandoned(&point(), says(&[("UniqueID", "5")])), Some(UniqueId(5)));
    assert_eq!(add.abandoned(&point(), refuses(606)), None);
    assert!(!add.may_have_added());
    assert_eq!(add.abandoned(&point(), silence()), None);
    assert!(add.may_have_added());

    let mut add = self::add();
    add.start(&point());
    add.resume(&point(), silence());
    assert!(add.may_have_added());
    add.resume(&point(), says(&[("UniqueID", "5")]));
    assert!(!add.may_have_added());

    let mut add = self::add();
    add.start(&point());
    add.resume(&point(), refuses(606));
    assert!(!add.is_adding());
    assert_eq!(add.abandoned(&point(), status("1", "1")), None);
}

#[test]
fn a_person_is_told_what_is_the_matter() {
    let text = |answers: [CallResult; 2]| {
        let failure = why(answers);
        let attempt =
            Attempt { gateway: "gate (2a02:ff0::1)".into(), step: Step::Action("AddPinhole"), failure };
        Error::from_attempts(vec![attempt]).to_string()
    };
    assert_eq!(
        text([refuses(606), status("1", "1")]),
        "the gateway refused: gate (2a02:ff0::1): AddPinhole: 606 Action not authorized (it may open only the \
         address that asks, and no port below 1024)"
    );
    assert_eq!(
        text([refuses(501), status("1", "0")]),
        "the gateway refused: gate (2a02:ff0::1): AddPinhole: 501 Action Failed: pinholes are not allowed \
         (allow pinholes in the gateway's settings)"
    );
    assert_eq!(
        text([refuses(501), status("0", "0")]),
        "the gateway refused: gate (2a02:ff0::1): AddPinhole: 501 Action Failed: the firewall is off, and keeps \
         nothing out"
    );
}
