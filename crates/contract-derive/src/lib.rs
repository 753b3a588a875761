//! `#[derive(Responses)]`: one enum, both sent and documented. See the `contract` crate.

mod expand;
mod model;
mod union;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use syn::{DeriveInput, parse_macro_input};

/// Derives `contract::Responses` and axum's `IntoResponse` for an enum with one variant an answer.
///
/// The enum needs `#[repr(u16)]`; each variant needs a doc comment (the description), a
/// discriminant (the status, 200 to 599), and fields that implement `contract::Part`: header
/// fields and at most one body.
///
/// With `#[responses(union)]` the enum unites types that have `Responses` themselves: each variant
/// holds one of them, and can be made from it by `From`, so by `?`.
#[proc_macro_derive(Responses, attributes(responses))]
pub fn derive_responses(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match responses(&input) {
        Ok(impls) => impls.into(),
        Err(error) => error.into_compile_error().into(),
    }
}

fn responses(input: &DeriveInput) -> syn::Result<TokenStream2> {
    if union::is_union(&input.attrs)? {
        union::expand(input)
    } else {
        Ok(expand::expand(input, &model::Answers::parse(input)?))
    }
}
