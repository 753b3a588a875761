//! What bounds streams.

use std::time::{Duration, Instant};

use e2e::{Request, Shelf, Store, eventually, on_every_store};

use crate::bulk::write_chunk;
use crate::{bulk, count, line, lines, outcomes, slug, stream};

const HEAD: &str = "POST /items:bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_stream_with_too_many_lines_is_ended_there() {
    let start = || Shelf::start().setting("--stream-lines-max", "2000");
    on_every_store(start, async |shelf| {
        let (told, last) = outcomes(&shelf.send(bulk(lines(2_000))).await);
        assert_eq!((told.len(), last.get("problem")), (2_000, None));
        let (told, last) = outcomes(&shelf.send(bulk(lines(2_001))).await);
        assert_eq!(told.len(), 2_000, "what came before was carried out");
        assert_eq!(slug(&last), "too-many-lines");
    })
    .await;
}

#[tokio::test]
async fn only_so_many_streams_are_open_at_a_time() {
    let start = || Shelf::start().setting("--streams-max", "2").expecting_faults();
    on_every_store(start, async |shelf| {
        let mut open = Vec::new();
        for number in 0..2 {
            let mut connection = shelf.connect().await;
            connection.write(HEAD).await;
            write_chunk(&mut connection, &line("a", number)).await;
            connection.wait_for_text("\"line\":1").await;
            open.push(connection);
        }
        for request in [
            bulk(line("a", 1)),
            stream("/items:replace", crate::end(0)),
            Request::get("/items:export"),
        ] {
            let answer = shelf.send(request).await;
            answer.expect_problem(503, "streams-full");
            assert!(answer.header("retry-after").is_some());
        }
        // One that ends, and one whose client hangs up, give their places back.
        let mut first = open.remove(0);
        first.write("0\r\n\r\n").await;
        outcomes(&first.read().await);
        drop(open);
        eventually("places to be free", Duration::from_secs(10), async || {
            let mut connections = Vec::new();
            for _ in 0..2 {
                let mut connection = shelf.connect().await;
                connection.write(HEAD).await;
                write_chunk(&mut connection, &line("a", 1)).await;
                connection.wait_for_text("\r\n\r\n").await;
                connections.push(connection);
            }
            let mut taken = 0;
            for mut connection in connections {
                connection.write("0\r\n\r\n").await;
                taken += usize::from(connection.read().await.status == 207);
            }
            (taken == 2).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_on_which_nothing_arrives_is_ended() {
    let start = || Shelf::start().setting("--body-time-max", "1s");
    on_every_store(start, async |shelf| {
        let mut connection = shelf.connect().await;
        connection.write(HEAD).await;
        for number in 0..4 {
            // Slow, and still getting on.
            write_chunk(&mut connection, &line("a", number)).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        let (told, last) = outcomes(&connection.read().await);
        assert_eq!((told.len(), slug(&last)), (4, "stream-stalled"), "{last}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_before_it_has_sent_all_is_told_in_the_end() {
    let start = || Shelf::start().setting("--body-time-max", "1s");
    let count_lines = 200_000;
    let text = lines(count_lines);
    for store in [Store::Memory, Store::Disk] {
        let shelf = store.of(start().unrecorded()).spawn().await;
        // All outcomes have no room to wait in; what fits is answered, and the rest is told of.
        let started = Instant::now();
        let mut connection = shelf.connect().await;
        connection.write(bulk(text.clone()).to_bytes()).await;
        let (told, last) = outcomes(&connection.read().await);
        println!("{}: {} outcomes after {:?}", store.name(), told.len(), started.elapsed());
        if told.len() < count_lines {
            assert_eq!(slug(&last), "stream-stalled", "{last}");
        }
        assert!(told.iter().all(|outcome| outcome["status"] == 201));
        assert!(count(&shelf).await >= told.len() as u64);

        // With fewer outcomes it can send any number of lines.
        let mut connection = shelf.connect().await;
        let request = bulk(text.clone()).header("Prefer", "return=minimal");
        connection.write(request.to_bytes()).await;
        let (told, last) = outcomes(&connection.read().await);
        assert_eq!((told.len(), last.get("problem")), (0, None));
        assert_eq!(last["summary"]["lines"], count_lines);
        shelf.stop().await;
    }
}
