//! Requests as the gateway expects them, and answers as etcd 3.4.23 sent them.

use bytes::Bytes;
use serde_json::json;

use crate::etcd::message::{
    Compare, DeleteRequest, KeyValue, LeaseResponse, Op, OpResponse, PutRequest, RangeRequest,
    RangeResponse, Status, Txn, TxnResponse,
};

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn a_transaction_is_written_as_the_gateway_reads_it() {
    let range = RangeRequest { key: bytes("a"), ..RangeRequest::default() };
    let put = PutRequest { key: bytes("a"), value: bytes("\u{0}\u{1}"), lease: i64::MAX };
    let delete = DeleteRequest { key: bytes("b"), range_end: bytes("c") };
    let txn = Txn {
        compare: vec![
            Compare::absent(bytes("a")),
            Compare::modified(bytes("b"), i64::MAX),
            Compare::holds(bytes("c"), bytes("x")),
        ],
        success: vec![Op::Put(put), Op::Delete(delete)],
        failure: vec![Op::Range(range)],
    };
    assert_eq!(
        serde_json::to_value(&txn).expect("it is JSON"),
        json!({
            "compare": [
                {"key": "YQ==", "result": "EQUAL", "target": "CREATE", "create_revision": "0"},
                {"key": "Yg==", "result": "EQUAL", "target": "MOD",
                 "mod_revision": "9223372036854775807"},
                {"key": "Yw==", "result": "EQUAL", "target": "VALUE", "value": "eA=="},
            ],
            "success": [
                {"request_put": {"key": "YQ==", "value": "AAE=", "lease": "9223372036854775807"}},
                {"request_delete_range": {"key": "Yg==", "range_end": "Yw=="}},
            ],
            "failure": [{"request_range": {"key": "YQ=="}}],
        })
    );
}

#[test]
fn only_what_is_asked_for_is_in_a_range() {
    let range = RangeRequest {
        key: bytes("a"),
        range_end: bytes("b"),
        limit: 3,
        revision: 7,
        keys_only: true,
        count_only: false,
    };
    assert_eq!(
        serde_json::to_value(&range).expect("it is JSON"),
        json!({"key": "YQ==", "range_end": "Yg==", "limit": "3", "revision": "7",
               "keys_only": true})
    );
}

#[test]
fn the_answer_to_a_transaction_is_read() {
    let answer: TxnResponse = serde_json::from_str(
        r#"{"header":{"cluster_id":"5351384033412488066","member_id":"12428976124636271536",
        "revision":"3","raft_term":"2"},"succeeded":true,"responses":[{"response_range":{"header":
        {"revision":"2"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2",
        "version":"1","value":"MQ=="}],"count":"1"}},{"response_put":{"header":{"revision":"3"}}},
        {"response_delete_range":{"header":{"revision":"3"}}}]}"#,
    )
    .expect("it is an answer");
    assert!(answer.succeeded);
    assert_eq!(answer.header.member_id, 12_428_976_124_636_271_536);
    assert_eq!(answer.header.revision, 3);
    let [OpResponse::Range(found), OpResponse::Put(put), OpResponse::Delete(delete)] =
        &answer.responses[..]
    else {
        panic!("{answer:?}");
    };
    assert!(found.count == 1 && !found.more);
    let expected = KeyValue {
        key: bytes("a"),
        value: bytes("1"),
        create_revision: 2,
        mod_revision: 2,
        lease: 0,
    };
    assert_eq!(found.kvs[..], [expected]);
    assert_eq!((put.header.revision, delete.deleted), (3, 0));
}

#[test]
fn what_is_left_out_is_zero_or_empty() {
    let answer: RangeResponse =
        serde_json::from_str(r#"{"header":{"revision":"21"}}"#).expect("it is an answer");
    assert_eq!((answer.kvs.len(), answer.count, answer.more), (0, 0, false));
}

#[test]
fn leases_and_status_are_read() {
    let lease: LeaseResponse =
        serde_json::from_str(r#"{"header":{},"ID":"1418812088755910946","TTL":"60"}"#)
            .expect("it is an answer");
    assert_eq!(lease, LeaseResponse { id: 1_418_812_088_755_910_946 });
    let status: Status = serde_json::from_str(
        r#"{"header":{"member_id":"3879681103196018703"},"version":"3.4.23","dbSize":"20480",
        "raftIndex":"31","errors":["etcdserver: no leader"],"dbSizeInUse":"16384"}"#,
    )
    .expect("it is an answer");
    assert_eq!((status.leader, status.db_bytes), (0, 20_480));
    assert_eq!(status.errors, ["etcdserver: no leader"]);
}

#[test]
fn a_transaction_knows_whether_it_can_write() {
    let read = Txn { failure: vec![Op::Range(RangeRequest::default())], ..Txn::default() };
    assert!(!read.can_write());
    let put = Op::Put(PutRequest::default());
    assert!(Txn { failure: vec![put], ..Txn::default() }.can_write());
}
