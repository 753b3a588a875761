//! `items backup`: a copy of a store that is in use.

use std::path::Path;
use std::process::Command;

use e2e::{Home, Request, Shelf, items};
use tokio::sync::watch;

/// Runs the program, and returns what it says and whether it was content.
fn backup(store: &Path, to: &Path) -> (bool, String) {
    let store = format!("file:{}", store.display());
    let mut command = Command::new(items());
    let output = command.args(["backup", "--store", &store]).arg(to).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A writer that waits for each answer: every item up to some one is in the copy, and none after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_restored_by_starting_on_it() {
    let home = Home::new();
    let shelf = Shelf::start().home(&home).on_disk().bare().spawn().await;
    let (ended, ends) = watch::channel(false);
    let mut connection = shelf.connect().await;
    let writer = tokio::spawn(async move {
        let mut written = 0;
        while !*ends.borrow() {
            let put =
                Request::put(format!("/items/{written:06}"), format!("{{\"size\":{written}}}"));
            connection.send(&put).await.expect(201);
            written += 1;
        }
        written
    });
    let to = home.path("copy");
    let (done, text) = {
        let (store, to) = (home.path("data"), to.clone());
        tokio::task::spawn_blocking(move || backup(&store, &to)).await.expect("it ends")
    };
    assert!(done && text.contains("Start a service on it"), "{text}");
    shelf.send(Request::put("/items/later", "{}")).await.expect(201);
    ended.send_replace(true);
    let written: usize = writer.await.expect("it writes");
    shelf.kill();

    let copy = Shelf::start().store(format!("file:{}", to.display())).bare().spawn().await;
    let count = (0..written).collect::<Vec<_>>();
    let mut held = 0;
    for n in count {
        let answer = copy.send(Request::get(format!("/items/{n:06}"))).await;
        match answer.status {
            200 => {
                assert_eq!(held, n, "none is missing before it");
                held += 1;
            }
            status => assert_eq!(status, 404),
        }
    }
    assert!(held > 0, "the copy was made while the writer wrote");
    copy.send(Request::get("/items/later")).await.expect(404);
    copy.send(Request::put("/items/new", "{}")).await.expect(201);
    copy.stop().await;
}

#[test]
fn a_backup_that_cannot_be_made_says_why() {
    let home = Home::new();
    let (done, text) = backup(&home.path("nothing"), &home.path("copy"));
    assert!(!done && text.contains("holds no store"), "{text}");
    let output = Command::new(items())
        .args(["backup", "--store", "memory:", "x"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("only a store in a directory"), "{text}");
}
