//! What the compiler refuses, because the document would lie.

#[test]
fn lies_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
