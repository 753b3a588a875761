use contract::{Json, Problem, Responses};

#[derive(Responses)]
#[repr(u16)]
enum Crowded {
    /// It is there twice.
    Found(Json<String>, Problem) = 200,
}

fn main() {}
