//! The gateway's edge and upstream without its policy, for `bench/gateway`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, replica, workers] = &arguments[..] else {
        panic!("usage: bare LISTEN REPLICA WORKERS");
    };
    let address = "an address is IP:PORT";
    gateway::bare::run(
        listen.parse().expect(address),
        replica.parse().expect(address),
        workers.parse().expect("WORKERS is a number"),
    )
}
