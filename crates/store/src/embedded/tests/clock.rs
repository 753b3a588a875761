//! The store's clock, from one opening to the next.

use std::fs;

use domain::Moment;

use super::*;

const DAY: u64 = 86_400_000;

/// What is saved: the form, the moment, the time that had passed, and the start of the machine.
fn saved(directory: &TempDir) -> Vec<String> {
    let line = fs::read_to_string(directory.path().join("shelf.clock")).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

fn save(directory: &TempDir, moment: u64, passed: &str, boot: &str) {
    let line = format!("shelf-clock-1 {moment} {passed} {boot}\n");
    fs::write(directory.path().join("shelf.clock"), line).unwrap();
}

#[test]
fn it_goes_on_where_it_was_whatever_the_time_of_day_is() {
    let directory = directory();
    let store = open(&directory);
    let Moment(first) = store.now();
    drop(store);
    let [_, moment, passed, boot] = &saved(&directory)[..] else {
        panic!("it is saved at the end")
    };
    assert!(moment.parse::<u64>().unwrap() >= first);
    // To the store this is a time of day that was set 25 hours forwards, or backwards, while the
    // machine ran on.
    for moment in [first - DAY - DAY / 24, first + DAY + DAY / 24] {
        save(&directory, moment, passed, boot);
        let store = open(&directory);
        let Moment(now) = store.now();
        assert!((moment..moment + DAY / 24).contains(&now), "{now} after {moment}");
        // A merge forgets by the same clock, and so does a write.
        assert!(store.now() >= Moment(now));
    }
    // Another start of the machine: the time of day counts, and the clock does not go back.
    save(&directory, first - DAY, "0", "another-start");
    assert!(open(&directory).now() >= Moment(first));
    save(&directory, first + DAY, "0", "another-start");
    assert!(open(&directory).now() >= Moment(first + DAY));
}

#[test]
fn what_cannot_be_read_is_as_if_it_were_not_there() {
    let directory = directory();
    let store = open(&directory);
    let first = store.now();
    drop(store);
    fs::write(directory.path().join("shelf.clock"), [0xff; 100]).unwrap();
    let store = open(&directory);
    assert!(store.now() >= first);
    drop(store);
    assert_eq!(saved(&directory)[0], "shelf-clock-1", "it is saved anew");
}
