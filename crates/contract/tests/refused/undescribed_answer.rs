use contract::{Api, Doc};

async fn get() -> &'static str {
    "nobody knows that this is 200"
}

fn mount(api: &mut Api) {
    api.scope(()).get("/", Doc::default(), get);
}

fn main() {}
