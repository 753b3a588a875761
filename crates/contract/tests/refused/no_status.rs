use contract::Responses;

#[derive(Responses)]
enum Unclear {
    /// It is there.
    Found,
}

fn main() {}
