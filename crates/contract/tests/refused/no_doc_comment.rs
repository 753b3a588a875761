use contract::Responses;

#[derive(Responses)]
#[repr(u16)]
enum Silent {
    Found = 200,
}

fn main() {}
