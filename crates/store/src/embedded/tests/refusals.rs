//! Directories that are refused, and what the refusal says.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::open_error::OpenError;

fn refusal(path: &Path) -> OpenError {
    Embedded::open(path, &Options::default()).expect_err("it is refused")
}

#[test]
fn a_directory_is_opened_once() {
    let directory = directory();
    let store = open(&directory);
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(error.to_string().contains("already open"), "{error}");
    drop(store);
    open(&directory);
}

/// The other process runs this very test, told by a variable which directory to try.
#[test]
fn another_process_cannot_open_the_directory() {
    const VARIABLE: &str = "STORE_TEST_LOCKED_DIRECTORY";
    if let Some(path) = std::env::var_os(VARIABLE) {
        assert!(matches!(refusal(path.as_ref()), OpenError::Locked { .. }));
        return;
    }
    let directory = directory();
    let _store = open(&directory);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::tests::refusals::another_process_cannot_open_the_directory"])
        .env(VARIABLE, directory.path())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn an_unknown_format_is_refused_with_both_named() {
    let directory = directory();
    drop(open(&directory));
    fs::write(directory.path().join("shelf.format"), "shelf-store 2\n").unwrap();
    let message = refusal(directory.path()).to_string();
    assert!(message.contains("shelf-store 2") && message.contains("shelf-store 3"), "{message}");
    assert!(message.contains("scripts/copy-items"), "{message}");
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let directory = directory();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let error = refusal(directory.path());
    assert!(matches!(&error, OpenError::Foreign { found, .. } if found == "notes.txt"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_is_refused() {
    let directory = directory();
    let path = directory.path().join("file");
    fs::write(&path, "mine").unwrap();
    assert!(refusal(&path).to_string().contains("it is a file"));
    assert!(matches!(refusal(&path.join("below")), OpenError::Io { .. }));
}

/// No user can create anything in `/proc`, not even root, and tests may run as root.
#[test]
#[cfg(target_os = "linux")]
fn an_unwritable_place_is_refused() {
    assert!(matches!(refusal(Path::new("/proc/shelf")), OpenError::Io { .. }));
}

#[test]
fn creation_that_a_crash_cut_off_is_started_over() {
    let directory = directory();
    drop(open(&directory));
    let format = directory.path().join("shelf.format");
    let line = fs::read_to_string(&format).unwrap();
    fs::write(&format, format!("{} (being created)\n", line.trim_end())).unwrap();
    fs::remove_file(directory.path().join("trees/items/current")).unwrap();
    assert_eq!(get(&open(&directory), "a").unwrap(), None);
    // Even before the format was written for the first time.
    let directory = super::directory();
    fs::write(directory.path().join("shelf.lock"), "").unwrap();
    fs::write(directory.path().join("shelf.new"), "shelf").unwrap();
    assert_eq!(get(&open(&directory), "a").unwrap(), None);
}

#[test]
fn a_store_whose_data_is_missing_is_damaged_and_not_empty() {
    for missing in
        ["journal", "trees", "trees/items", "trees/answers/current", "trees/items/tables"]
    {
        let directory = directory();
        let store = open(&directory);
        apply(&store, put("a", 1)).unwrap().unwrap();
        store.engine().write_out();
        drop(store);
        let path = directory.path().join(missing);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        let OpenError::Store { source, .. } = refusal(directory.path()) else {
            panic!("it is the store's fault")
        };
        assert_eq!(source.kind(), crate::ErrorKind::Corrupt, "without {missing}: {source}");
    }
}
