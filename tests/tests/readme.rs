//! The sessions that README and other pages show, as printed.

use std::path::Path;
use std::process::Command;

use e2e::Shelf;

/// Where README's service listens.
const PRINTED_ADDRESS: &str = "127.0.0.1:8000";

/// The sections of README that show a session, in their order: each goes on where the one before it ended.
const SESSIONS: [&str; 2] = ["A first session", "A collection of your own"];

/// One command of a session, and what it prints.
#[derive(Debug, Default)]
struct Step {
    command: String,
    output: String,
}

/// Returns a section, without its heading.
fn section<'a>(markdown: &'a str, heading: &str) -> &'a str {
    let (_, rest) = markdown
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("README has no section {heading:?}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
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

fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(path).expect("there is such a page")
}

#[tokio::test]
async fn the_sessions_of_readme_work_as_printed() {
    let readme = page("README.md");
    let sessions = SESSIONS.map(|heading| steps(section(&readme, heading)));
    for (heading, steps) in SESSIONS.iter().zip(&sessions) {
        assert!(steps.len() >= 8, "{heading:?} has only {} commands", steps.len());
    }
    assert_eq!(steps(&readme).len(), sessions.iter().map(Vec::len).sum::<usize>());
    work_as_printed(sessions.into_iter().flatten()).await;
}

#[tokio::test]
async fn the_session_of_late_writes_works_as_printed() {
    let steps = steps(&page("docs/order.md"));
    assert!(steps.len() >= 4, "it has only {} commands", steps.len());
    work_as_printed(steps).await;
}

#[tokio::test]
async fn the_sessions_of_sync_jobs_work_as_printed() {
    let steps = steps(&page("docs/sync.md"));
    assert!(steps.len() >= 8, "it has only {} commands", steps.len());
    work_as_printed(steps).await;
}

async fn work_as_printed(steps: impl IntoIterator<Item = Step>) {
    let shelf = Shelf::start().on_disk().spawn().await;
    let address = shelf.address().to_string();
    let directory = shelf.home().path("session");
    std::fs::create_dir(&directory).expect("the home is there");
    for Step { command, output } in steps {
        let command = command.replace(PRINTED_ADDRESS, &address);
        let ran = Command::new("bash").args(["-c", &command]).current_dir(&directory).output();
        let ran = ran.expect("bash can be run: apt-get install bash");
        assert!(
            ran.status.success(),
            "{command}\nfailed; is curl there? apt-get install curl\n{ran:?}"
        );
        let printed = String::from_utf8_lossy(&ran.stdout).replace(&address, PRINTED_ADDRESS);
        assert_eq!(printed, output, "{command}\nprints something else than the page says");
    }
    shelf.stop().await;
}
