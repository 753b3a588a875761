//! A process with all that came of it.
//!
//! A signal to the process group would not do: each back end of PostgreSQL leaves it.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::poll::{WAIT_TIME_MAX, poll};

/// Stops a process and its descendants, and waits until none of them runs.
pub(crate) fn pause(root: Pid) -> Vec<Pid> {
    let mut tree = Vec::new();
    let mut next = vec![root];
    while let Some(process) = next.pop() {
        // A parent that has stopped has no more children.
        signal(process, Signal::STOP);
        let stopped = poll(WAIT_TIME_MAX, || state(process).is_none_or(still).then_some(()));
        assert!(stopped.is_some(), "process {process} does not stop");
        next.extend(children(process));
        tree.push(process);
    }
    tree
}

/// Lets a process and its descendants run on.
pub(crate) fn resume(root: Pid) {
    let mut next = vec![root];
    while let Some(process) = next.pop() {
        next.extend(children(process));
        signal(process, Signal::CONT);
    }
}

/// Ends a process and its descendants as `kill -9` does, and waits until all of them are gone.
pub(crate) fn kill(root: Pid) {
    // One after the other would give the survivors time to notice.
    let tree = pause(root);
    tree.iter().for_each(|process| signal(*process, Signal::KILL));
    for process in tree {
        let gone = poll(WAIT_TIME_MAX, || state(process).is_none_or(dead).then_some(()));
        assert!(gone.is_some(), "process {process} survives");
    }
}

/// Sends a signal, if the process still is there.
pub(crate) fn signal(process: Pid, signal: Signal) {
    let _ = kill_process(process, signal);
}

/// Stopped, or dead.
fn still(state: char) -> bool {
    state == 'T' || dead(state)
}

/// A dead process stays until its parent asks how it ended.
fn dead(state: char) -> bool {
    matches!(state, 'Z' | 'X')
}

/// Returns the state as proc(5) has it; nothing when there is no such process.
fn state(process: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it may hold anything, parentheses too.
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

fn children(process: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|id| Pid::from_raw(id.parse().ok()?))
                .collect::<Vec<_>>()
        })
        .collect()
}
