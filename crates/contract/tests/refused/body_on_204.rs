use contract::{Json, Responses};

#[derive(Responses)]
#[repr(u16)]
enum Empty {
    /// It is gone.
    Deleted(Json<String>) = 204,
}

fn main() {}
