//! Writes the two impls.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::DeriveInput;

use crate::model::{Answer, Answers};

pub(crate) fn expand(input: &DeriveInput, answers: &Answers<'_>) -> TokenStream {
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let tables = answers.variants.iter().map(table);
    let checks =
        answers.variants.iter().map(|answer| check(answer, input.generics.params.is_empty()));
    let descriptions =
        answers.variants.iter().map(|answer| description(answer, input.generics.params.is_empty()));
    let arms = answers.variants.iter().map(arm);

    quote! {
        const _: () = {
            #(#tables)*
            #(#checks)*

            #[automatically_derived]
            impl #impl_generics ::contract::Responses for #name #type_generics #where_clause {
                fn describe(answers: &mut ::contract::Answers, schemas: &mut ::contract::Schemas) {
                    #(#descriptions)*
                }
            }

            #[automatically_derived]
            impl #impl_generics ::contract::__private::IntoResponse for #name #type_generics #where_clause {
                fn into_response(self) -> ::contract::Response {
                    let mut response = ::contract::Response::default();
                    match self {
                        #(#arms)*
                    }
                    response
                }
            }
        };
    }
}

/// The variant's constant, named like it.
fn table(answer: &Answer<'_>) -> TokenStream {
    let Answer { ident, status, slug, title, description, .. } = answer;
    quote! {
        #[allow(non_upper_case_globals)]
        static #ident: ::contract::Variant = ::contract::Variant {
            status: #status,
            slug: #slug,
            title: #title,
            description: #description,
        };
    }
}

/// Stops the build where an answer has a body that it must not have, or two.
fn check(answer: &Answer<'_>, concrete: bool) -> Option<TokenStream> {
    let assertion = assertion(answer);
    concrete.then(|| quote!(const _: () = #assertion;))
}

fn assertion(answer: &Answer<'_>) -> TokenStream {
    let Answer { status, parts, .. } = answer;
    quote!(::contract::__private::assert_bodies(#status, 0 #(+ <#parts as ::contract::Part>::IS_BODY as usize)*))
}

fn description(answer: &Answer<'_>, concrete: bool) -> TokenStream {
    let Answer { ident, parts, .. } = answer;
    // The parts of a generic enum are known where it is used, so it is checked there.
    let assertion =
        (!concrete).then(|| assertion(answer)).map(|assertion| quote!(const { #assertion };));
    quote! {
        #assertion
        let answer = answers.add(&#ident);
        #(<#parts as ::contract::Part>::describe(answer, schemas, &#ident, true);)*
        let _ = answer;
    }
}

fn arm(answer: &Answer<'_>) -> TokenStream {
    let Answer { ident, parts, .. } = answer;
    let bindings: Vec<_> = (0..parts.len()).map(|at| format_ident!("part{at}")).collect();
    let pattern =
        if parts.is_empty() { quote!(Self::#ident) } else { quote!(Self::#ident(#(#bindings),*)) };
    quote! {
        #pattern => {
            *response.status_mut() = #ident.status_code();
            #(::contract::Part::write(#bindings, &mut response, &#ident);)*
        }
    }
}
