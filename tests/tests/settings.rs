//! Settings that cannot be used are refused with their place.

use e2e::{Home, Refused, Request, Shelf};

fn assert_refused(refused: &Refused, words: &[&str]) {
    assert_ne!(refused.code, Some(0), "{}", refused.message);
    assert!(!refused.message.contains("panicked"), "{}", refused.message);
    for word in words {
        assert!(refused.message.contains(word), "{word:?} is in: {}", refused.message);
    }
}

#[tokio::test]
async fn a_bad_flag_is_refused_with_its_name() {
    for (flag, value) in [
        ("--body-max", "much"),
        ("--body-max", "1 furlong"),
        ("--body-time-max", "1 fortnight and a bit"),
        ("--request-time-max", ""),
        ("--workers", "0"),
        ("--workers", "many"),
        ("--connections-max", "0"),
        ("--listen", "localhost"),
        ("--listen", "127.0.0.1:99999"),
    ] {
        let refused = Shelf::start().setting(flag, value).refused().await;
        assert_refused(&refused, &[flag, value]);
    }
    let refused = Shelf::start().flag("--bodymax").refused().await;
    assert_refused(&refused, &["--bodymax", "--body-max"]);
}

#[tokio::test]
async fn a_bad_store_is_refused_with_the_known_ones() {
    for (url, words) in [
        ("redis://u:secret@host", vec!["redis", "memory:", "file:"]),
        ("shelf-data", vec!["shelf-data", "memory:", "file:"]),
        ("memory:x", vec!["memory:x"]),
        ("file:", vec!["file:"]),
        ("file://host/data", vec!["file://host/data"]),
        ("file:/proc/none/data", vec!["/proc/none/data"]),
    ] {
        let refused = Shelf::start().store(url).refused().await;
        assert_refused(&refused, &words);
        assert!(!refused.message.contains("secret"), "{}", refused.message);
    }
}

#[tokio::test]
async fn a_bad_variable_is_refused_with_its_name() {
    for (name, value) in
        [("SHELF_BODY_MAX", "much"), ("SHELF_WORKERS", "0"), ("SHELF_SAMPLES", "perhaps")]
    {
        let refused = Shelf::start().variable(name, value).refused().await;
        assert_refused(&refused, &[name, value]);
    }
}

#[tokio::test]
async fn a_bad_file_is_refused_with_its_line() {
    for (text, words) in [
        ("\n\nbody-max = \"much\"\n", ["shelf.toml:3:1", "body-max"]),
        ("samples = true\nlistn = \"127.0.0.1:1\"\n", ["shelf.toml:2:1", "'listen'"]),
        ("workers = [1]\n", ["shelf.toml:1:1", "workers"]),
        ("workers = 0\n", ["shelf.toml:1:1", "workers"]),
        ("samples = \"perhaps\"\n", ["shelf.toml:1:1", "samples"]),
        ("samples = true\nworkers = \n", ["shelf.toml:2:", ""]),
        ("[items]\nworkers = 1\n", ["shelf.toml:1:", "items"]),
    ] {
        let home = Home::new();
        let path = home.write("shelf.toml", text).display().to_string();
        let refused = Shelf::start().home(&home).setting("--config", path).refused().await;
        assert_refused(&refused, &words);
    }
    let refused = Shelf::start().setting("--config", "/nowhere.toml").refused().await;
    assert_refused(&refused, &["/nowhere.toml"]);
}

#[tokio::test]
async fn flags_come_before_variables_and_variables_before_the_file() {
    let body = |bytes: usize| format!("{:<bytes$}", "{}");
    let home = Home::new();
    let path = home.write("shelf.toml", "body-max = \"100B\"\nsamples = true\n");
    let start = || Shelf::start().home(&home).setting("--config", path.display().to_string());
    for (start, bytes_max) in [
        (start(), 100),
        (start().variable("SHELF_BODY_MAX", "200B"), 200),
        (start().variable("SHELF_BODY_MAX", "200B").setting("--body-max", "300B"), 300),
    ] {
        let shelf = start.spawn().await;
        shelf.send(Request::put("/items/foo", body(bytes_max))).await.expect(200);
        let large = shelf.send(Request::put("/items/foo", body(bytes_max + 1))).await;
        large.expect_problem(413, "content-too-large");
        shelf.stop().await;
    }
}
