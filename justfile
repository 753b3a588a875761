# Recipes for people; CI runs the same commands. `just` lists them.

set positional-arguments

# Lists the recipes.
default:
    @just --list --unsorted

# Runs the item service; arguments go to it: `just run --store memory: --samples`.
run *arguments:
    cargo run --package items -- "$@"

# Starts replicas and a gateway in front of them, on PostgreSQL if it is there: `just up --help` tells more.
up *arguments:
    scripts/up "$@"

# Checks everything as CI does, or only the named stages: `just test format clippy`.
test *stages:
    scripts/test "$@"

# Lints: formatting, shell scripts, circles of modules, Rust code.
lint:
    scripts/test install format scripts imports clippy

# Writes crates/api/openapi.json, the document that a test compares with the code.
openapi:
    UPDATE_OPENAPI=1 cargo test --package api

# Lets more generators make clients of the document, and tries each with the service; takes minutes.
judge-generators:
    scripts/judge-generators

# Lets clients of others send bodies that are refused early, and read the answer; takes minutes.
judge-early:
    scripts/judge-early

# Puts this Debian machine's package list through the service, twice.
demo:
    scripts/demo

# Builds the documentation of all crates and opens it.
docs:
    cargo doc --workspace --no-deps --open

# Injures the service (root): `just faults`, or one rig for long: `just faults device -n 100`.
faults *arguments:
    cargo build --locked --release --package items
    scripts/faults "$@"

# Feeds a parser with made-up inputs: `just fuzz json 300`; `just fuzz --help` names the targets.
fuzz *arguments:
    scripts/fuzz "$@"

# Measures the service beside a bare echo server: `just bench [ROUNDS] [SECONDS]`; needs wrk.
bench *arguments:
    bench/run "$@"

# Measures the gateway beside other proxies: `just bench-gateway [ROUNDS] [SECONDS] [PROXY..]`.
bench-gateway *arguments:
    bench/gateway "$@"

# Makes the vendored Redoc assets from the npm package; `--check` only compares.
vendor-redoc *arguments:
    scripts/vendor-redoc "$@"

# Checks licences, sources and duplicates of dependencies with cargo-deny (`cargo install cargo-deny`).
deny:
    cargo deny --all-features check bans licenses sources
