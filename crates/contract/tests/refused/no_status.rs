use contract::Responses;

#[derive(Responses)]
#[repr(u16)]
enum Unclear {
    /// It is there.
    Found,
}

fn main() {}
