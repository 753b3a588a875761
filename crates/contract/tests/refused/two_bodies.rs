use contract::{Json, Problem, Responses};

#[derive(Responses)]
enum Crowded {
    /// It is there twice.
    #[answer(200)]
    Found(Json<String>, Problem),
}

fn main() {}
