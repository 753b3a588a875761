//! Where the services' binaries come from.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Returns the binary of the item service, built from the sources as they are.
///
/// Cargo gives tests the binaries of their own package only, so it is asked for this one: once a
/// process, with the profile and the target directory of the test itself. `SHELF_E2E_ITEMS` names
/// another binary, such as one that was released.
///
/// # Panics
/// If it cannot be built; Cargo's output says why.
pub fn items() -> &'static Path {
    static ITEMS: OnceLock<PathBuf> = OnceLock::new();
    ITEMS.get_or_init(|| named_or_built("SHELF_E2E_ITEMS", "items"))
}

/// Returns the binary of the gateway in the same way; `SHELF_E2E_GATEWAY` names another one.
///
/// # Panics
/// If it cannot be built; Cargo's output says why.
pub fn gateway() -> &'static Path {
    static GATEWAY: OnceLock<PathBuf> = OnceLock::new();
    GATEWAY.get_or_init(|| named_or_built("SHELF_E2E_GATEWAY", "gateway"))
}

fn named_or_built(variable: &str, package: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| build(package), PathBuf::from)
}

/// Builds both services at once, so that they agree on the features of what they depend on and neither is
/// compiled anew for the other. The item service can have bugs planted.
fn build(package: &str) -> PathBuf {
    // TARGET/PROFILE/deps/TEST
    let test = env::current_exe().expect("a test knows its executable");
    let profile_directory = test.ancestors().nth(2).expect("tests are two levels down");
    let target_directory = profile_directory.parent().expect("the profile is in the target");
    let profile = match profile_directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", "items", "--package", "gateway", "--bins"])
        .args(["--features", "items/planted-bugs", "--profile", profile])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target_directory)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "`cargo build -p items -p gateway --profile {profile}` failed"
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == package)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo says where the binary is")
}
