use contract::{Json, Responses};

#[derive(Responses)]
enum Empty {
    /// It is gone.
    #[answer(204)]
    Deleted(Json<String>),
}

fn main() {}
