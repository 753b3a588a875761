//! The session that README shows to newcomers, as printed.

use std::path::Path;
use std::process::Command;

use e2e::Shelf;

/// Where README's service listens.
const PRINTED_ADDRESS: &str = "127.0.0.1:8000";

/// One command of a session, and what it prints.
#[derive(Debug, Default)]
struct Step {
    command: String,
    output: String,
}

/// Returns the steps in the blocks marked `console`: a line that begins with `$ ` is a command,
/// what follows is its output.
fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push(Step { command: command.to_owned(), output: String::new() });
        } else if let Some(step) = steps.last_mut().filter(|_| inside) {
            step.output.push_str(line);
            step.output.push('\n');
        }
    }
    steps
}

#[tokio::test]
async fn the_first_session_works_as_printed() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("there is a README");
    let steps = steps(&readme);
    assert!(steps.len() >= 8, "README's session has only {} commands", steps.len());

    let shelf = Shelf::start().on_disk().spawn().await;
    let address = shelf.address().to_string();
    for Step { command, output } in steps {
        let command = command.replace(PRINTED_ADDRESS, &address);
        let ran = Command::new("bash").args(["-c", &command]).output();
        let ran = ran.expect("bash can be run: apt-get install bash");
        assert!(
            ran.status.success(),
            "{command}\nfailed; is curl there? apt-get install curl\n{ran:?}"
        );
        let printed = String::from_utf8_lossy(&ran.stdout).replace(&address, PRINTED_ADDRESS);
        assert_eq!(printed, output, "{command}\nprints something else than README says");
    }
    shelf.stop().await;
}
