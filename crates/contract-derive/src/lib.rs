//! `#[derive(Responses)]`: one enum, both sent and documented. See the `contract` crate.

mod expand;
mod model;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `contract::Responses` and axum's `IntoResponse` for an enum with one variant an answer.
///
/// Each variant needs a doc comment (the description), its status (`#[answer(404)]`, 200 to 599),
/// and fields that implement `contract::Part`: header fields and at most one body. Two variants may
/// have one status if both are problems.
///
/// In an enum with `#[responses(union)]` a variant without a status holds a type that has
/// `Responses` itself, because several operations share it. The enum can be made from that type by
/// `From`, so by `?`.
#[proc_macro_derive(Responses, attributes(answer, responses))]
pub fn derive_responses(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match model::Variants::parse(&input) {
        Ok(variants) => expand::expand(&input, &variants).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
