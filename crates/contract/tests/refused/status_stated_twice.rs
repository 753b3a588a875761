use contract::Responses;

#[derive(Responses)]
#[repr(u16)]
enum Twice {
    /// It is there.
    Found = 200,
    /// It is there, too.
    AlsoFound = 200,
}

fn main() {}
