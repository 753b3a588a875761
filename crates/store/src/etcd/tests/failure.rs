//! What failures mean. The bodies are those of etcd 3.4.23.

use std::error::Error as _;

use http::StatusCode;

use crate::error::{Error, ErrorKind};
use crate::etcd::failure::{Cause, EtcdFailure};
use crate::etcd::message::Status;
use crate::remote::http::{AttemptFailure, Effect, LossReason, LostRequest};

fn judged(status: u16, code: u32, message: &str) -> EtcdFailure {
    let body = format!(r#"{{"error":"{message}","message":"{message}","code":{code}}}"#);
    EtcdFailure::of_answer(StatusCode::from_u16(status).expect("it is a status"), body.as_bytes())
}

#[test]
fn what_etcd_refuses_before_it_proposes_has_no_effect() {
    for (status, code, message, kind) in [
        (400, 3, "etcdserver: request is too large", ErrorKind::TooLarge),
        (
            429,
            8,
            "grpc: received message larger than max (3145738 vs. 2097152)",
            ErrorKind::TooLarge,
        ),
        (429, 8, "etcdserver: too many requests", ErrorKind::Overloaded),
        (503, 14, "etcdserver: no leader", ErrorKind::Unavailable),
        (401, 16, "etcdserver: invalid auth token", ErrorKind::Unavailable),
        (400, 3, "etcdserver: user name is empty", ErrorKind::Unavailable),
        (400, 3, "etcdserver: revision of auth store is old", ErrorKind::Unavailable),
        (403, 7, "etcdserver: permission denied", ErrorKind::Unavailable),
        (500, 15, "etcdserver: corrupt cluster", ErrorKind::Corrupt),
        (400, 3, "etcdserver: duplicate key given in txn request", ErrorKind::Internal),
        (400, 3, "etcdserver: too many operations in txn request", ErrorKind::Internal),
        (404, 5, "etcdserver: requested lease not found", ErrorKind::Internal),
        (400, 11, "etcdserver: mvcc: required revision has been compacted", ErrorKind::Internal),
    ] {
        let failure = judged(status, code, message);
        assert_eq!(failure.effect(), Effect::Nothing, "{message}");
        assert_eq!(Error::from(failure).kind(), kind, "{message}");
    }
}

#[test]
fn what_etcd_says_afterwards_leaves_the_outcome_open() {
    for (status, code, message) in [
        (429, 8, "etcdserver: mvcc: database space exceeded"),
        (503, 14, "etcdserver: request timed out"),
        (503, 14, "etcdserver: request timed out, possibly due to previous leader failure"),
        (503, 14, "etcdserver: request timed out, possibly due to connection lost"),
        (503, 14, "etcdserver: leader changed"),
        (503, 14, "transport is closing"),
        (503, 14, "etcdserver: server stopped"),
        (500, 2, "context deadline exceeded"),
        (504, 4, "context deadline exceeded"),
        (500, 13, "something that a later version says"),
    ] {
        let failure = judged(status, code, message);
        assert_eq!(failure.effect(), Effect::Possible, "{message}");
        assert_eq!(Error::from(failure).kind(), ErrorKind::Unknown, "{message}");
    }
}

#[test]
fn a_read_is_never_unknown() {
    let failure = judged(503, 14, "etcdserver: request timed out").without_effect();
    assert_eq!(Error::from(failure).kind(), ErrorKind::Unavailable);
    let failure = judged(429, 8, "etcdserver: mvcc: database space exceeded").without_effect();
    assert_eq!(Error::from(failure).kind(), ErrorKind::Full);
}

#[test]
fn strangers_are_understood() {
    let failure = EtcdFailure::of_answer(StatusCode::NOT_FOUND, b"Not Found\n");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::Unreadable, Effect::Nothing));
    let failure = EtcdFailure::of_answer(StatusCode::PAYLOAD_TOO_LARGE, b"");
    assert_eq!((failure.cause(), failure.effect()), (&Cause::TooLarge, Effect::Nothing));
    let failure = EtcdFailure::of_answer(StatusCode::BAD_GATEWAY, b"<html>");
    assert_eq!(failure.effect(), Effect::Possible);
}

#[test]
fn an_answer_that_is_too_large_is_no_reason_to_ask_the_next_member() {
    let lost =
        |reason| EtcdFailure::from(LostRequest { reason, effect: Effect::Possible, source: None });
    let failure = lost(LossReason::AnswerTooLarge);
    assert_eq!((failure.cause(), failure.effect()), (&Cause::Unreadable, Effect::Possible));
    assert!(!failure.is_of_member());
    let failure = lost(LossReason::Disconnected);
    assert_eq!((failure.cause(), failure.effect()), (&Cause::Lost, Effect::Possible));
    assert!(failure.is_of_member());
}

#[test]
fn messages_tell_where_and_what_to_do_and_leave_the_source_out() {
    let source = std::io::Error::other("cause");
    let failure = judged(400, 3, "etcdserver: user name is empty").at("h1:2379");
    let error = Error::from(failure.with_source(source));
    let message = error.to_string();
    assert!(message.starts_with("etcd at h1:2379 "), "{message}");
    assert!(message.contains("USER:PASSWORD@"), "{message}");
    assert_eq!(error.source().expect("there is one").to_string(), "cause");
}

#[test]
fn a_status_tells_what_a_write_would_fail_with() {
    let healthy = Status { leader: 7, ..Status::default() };
    assert!(healthy.trouble().is_none());
    let kind = |status: &Status| Error::from(status.trouble().expect("there is some")).kind();
    assert_eq!(kind(&Status::default()), ErrorKind::Unavailable);
    let alarm = |name: &str| Status {
        errors: vec![format!("memberID:2485602056083469541 alarm:{name} ")],
        ..healthy.clone()
    };
    assert_eq!(kind(&alarm("NOSPACE")), ErrorKind::Full);
    assert_eq!(kind(&alarm("CORRUPT")), ErrorKind::Corrupt);
}
