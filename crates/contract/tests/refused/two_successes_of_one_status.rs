use contract::Responses;

#[derive(Responses)]
enum Twice {
    /// It is there.
    #[answer(200)]
    Found,
    /// It is there, too.
    #[answer(200)]
    AlsoFound,
}

fn main() {}
