use contract::Responses;

#[derive(Responses)]
enum Early {
    /// More will come.
    #[answer(103)]
    Hints,
}

fn main() {}
