//! How a body arrives: how large, how slowly, how far.

use e2e::{Request, Shelf};

use super::{FOO, leaves_no_trace};

#[tokio::test]
async fn a_body_of_a_byte_too_many_is_refused() {
    let large = vec![b' '; (1 << 20) + 1];
    leaves_no_trace(async |shelf| {
        for request in [
            Request::put(FOO, large.clone()),
            Request::put(FOO, large.clone()).chunked(),
            Request::post("/items", large.clone()),
            Request::post("/items", large.clone()).chunked(),
            Request::merge_patch(FOO, large.clone()),
        ] {
            shelf.send(request).await.expect_problem(413, "content-too-large");
        }
        // The announcement is enough: nothing of the body is waited for.
        let mut connection = shelf.connect().await;
        connection.write("PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n").await;
        let answer = connection.read().await;
        answer.expect_problem(413, "content-too-large");
        assert!(answer.interim.is_empty(), "the body is not asked for");
    })
    .await;
}

#[tokio::test]
async fn the_largest_body_is_taken() {
    let shelf = Shelf::start().spawn().await;
    let mut body = br#"{"name":"Largest"}"#.to_vec();
    body.resize(1 << 20, b' ');
    let put = |body: &[u8]| Request::put(FOO, body);
    shelf.send(put(&body)).await.expect_item(201, "created", r#"{"name":"Largest","size":null}"#);
    shelf.send(put(&body).chunked()).await.expect_item(
        200,
        "unchanged",
        r#"{"name":"Largest","size":null}"#,
    );
    let expecting = put(b"{}").header("Expect", "100-continue");
    assert_eq!(shelf.send(expecting).await.expect(200).text(), r#"{"name":null,"size":null}"#);
    shelf.stop().await;
}

/// A client that sends ten times too much reads the refusal all the same, and not a broken pipe.
#[tokio::test]
async fn a_body_that_is_far_too_large_is_refused_audibly() {
    leaves_no_trace(async |shelf| {
        for _ in 0..5 {
            let large = vec![b' '; 10 << 20];
            for request in [Request::put(FOO, large.clone()), Request::put(FOO, large).chunked()] {
                shelf.send(request).await.expect_problem(413, "content-too-large");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused_and_not_stored() {
    // Each of them would be an item if its end were taken for the whole.
    let cut = [
        "Content-Length: 100\r\n\r\n{\"size\":1}",
        "Transfer-Encoding: chunked\r\n\r\na\r\n{\"size\":1}\r\n",
        "Transfer-Encoding: chunked\r\n\r\nff\r\n{\"size\":1}",
        "Transfer-Encoding: chunked\r\n\r\na\r\n{\"size\":1}\r\n0\r\n",
    ];
    let broken = "Transfer-Encoding: chunked\r\n\r\nrubbish\r\n{\"size\":1}\r\n0\r\n\r\n";
    leaves_no_trace(async |shelf| {
        // A gateway tells what ends early from what has a second reading.
        let broken_is =
            if shelf.is_behind_gateway() { "unsound-framing" } else { "incomplete-body" };
        let cut = cut.into_iter().map(|rest| (rest, "incomplete-body"));
        for (rest, slug) in cut.chain([(broken, broken_is)]) {
            let mut connection = shelf.connect().await;
            connection
                .write("PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
                .await;
            connection.write(rest).await;
            connection.close_writing().await;
            match connection.try_read(false).await {
                Ok(answer) => {
                    answer.expect_problem(400, slug);
                }
                Err(error) => panic!("{rest:?} was not answered: {error}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_hangs_up_in_a_body_stores_nothing() {
    leaves_no_trace(async |shelf| {
        for _ in 0..20 {
            let mut connection = shelf.connect().await;
            connection.write("PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"size\":1}").await;
            drop(connection);
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    leaves_no_trace(async |shelf| {
        let mut connections = Vec::new();
        for head in [
            "PUT /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"size\":1}",
            "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{\"size\":1}\r\n",
            "PATCH /items/foo HTTP/1.1\r\nHost: x\r\nContent-Type: application/merge-patch+json\r\nContent-Length: 20\r\n\r\n",
        ] {
            let mut connection = shelf.connect().await;
            connection.write(head).await;
            connections.push(connection);
        }
        for mut connection in connections {
            connection.read().await.expect_problem(408, "body-timeout");
        }
    })
    .await;
}
