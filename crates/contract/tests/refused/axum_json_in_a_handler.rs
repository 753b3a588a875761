use contract::{Api, Doc, Info, Responses};
use http::Method;

#[derive(Responses)]
enum Put {
    /// It is stored.
    #[answer(204)]
    Stored,
}

async fn put(axum::Json(_): axum::Json<u8>) -> Put {
    Put::Stored
}

fn mount(api: &mut Api) {
    api.scope(()).on(Method::PUT, "/", Doc::default(), put);
}

fn main() {
    let _: Option<Info> = None;
}
