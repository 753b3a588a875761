//! What etcd refuses, and what is said about it.

use testbed::Etcd;

use super::kit::{range, shared, transport};
use super::requests::put;
use crate::error::{Error, ErrorKind};
use crate::etcd::failure::Cause;
use crate::etcd::message::{Op, REQUEST_BYTES_MAX, TXN_OPS_MAX, Txn};
use crate::etcd::transport::Transport;
use crate::remote::http::{AttemptFailure, Effect};

fn flat(success: Vec<Op>) -> Txn {
    Txn { success, ..Txn::default() }
}

async fn cause(transport: &Transport, txn: &Txn) -> (Cause, Effect) {
    let failure = transport.txn(txn).await.expect_err("it is refused");
    (failure.cause().clone(), failure.effect())
}

#[tokio::test]
async fn refused_requests_have_no_effect_and_say_why() {
    let transport = transport(shared());
    // Above --max-request-bytes etcd says so; far above, its gateway does.
    for bytes in [REQUEST_BYTES_MAX, 2 * REQUEST_BYTES_MAX] {
        let large = flat(vec![put("large", vec![b'x'; bytes])]);
        assert_eq!(cause(&transport, &large).await, (Cause::TooLarge, Effect::Nothing));
    }
    let twice = flat(vec![put("twice", "1"), put("twice", "2")]);
    let (Cause::Refused(words), Effect::Nothing) = cause(&transport, &twice).await else {
        panic!("it is refused")
    };
    assert!(words.contains("duplicate key"), "{words}");

    let many =
        |count: usize| flat((0..count).map(|number| put(format!("many/{number}"), "1")).collect());
    let (Cause::Refused(words), Effect::Nothing) = cause(&transport, &many(TXN_OPS_MAX + 1)).await
    else {
        panic!("it is refused")
    };
    assert!(words.contains("too many operations"), "{words}");
    for key in ["large", "twice", "many/0"] {
        let answer = transport.range(&range(key)).await.expect("the cluster is healthy");
        assert_eq!(answer.count, 0, "{key}");
    }
    transport.txn(&many(TXN_OPS_MAX)).await.expect("as many fit");
    let large = flat(vec![put("large", vec![b'x'; REQUEST_BYTES_MAX - 100])]);
    transport.txn(&large).await.expect("it fits");
}

#[tokio::test]
async fn a_full_database_is_told_from_a_busy_one() {
    let cluster = Etcd::builder().flag("--quota-backend-bytes=2097152").start();
    let transport = transport(&cluster);
    let fill = flat(vec![put("fill", vec![b'x'; 500_000])]);
    let failure = loop {
        if let Err(failure) = transport.txn(&fill).await {
            break failure;
        }
    };
    assert_eq!((failure.cause(), failure.effect()), (&Cause::Full, Effect::Possible));
    assert_eq!(Error::from(failure).kind(), ErrorKind::Unknown);
    transport.range(&range("fill")).await.expect("reads still work");

    // The alarm is raised by a transaction of its own, a moment later.
    let trouble = loop {
        if let Some(trouble) = transport.status().await.expect("it answers").trouble() {
            break trouble;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(Error::from(trouble).kind(), ErrorKind::Full);
}
