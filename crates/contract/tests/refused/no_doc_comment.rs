use contract::Responses;

#[derive(Responses)]
enum Silent {
    #[answer(200)]
    Found,
}

fn main() {}
