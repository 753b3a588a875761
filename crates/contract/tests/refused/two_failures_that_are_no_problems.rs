use contract::{Json, Responses};

#[derive(Responses)]
enum Unclear {
    /// It is not there.
    #[answer(404)]
    NotThere(Json<String>),
    /// It is not there any more.
    #[answer(404)]
    Gone(Json<String>),
}

fn main() {}
