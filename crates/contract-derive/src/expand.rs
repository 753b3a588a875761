//! Writes the two impls.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::DeriveInput;

use crate::model::{Answer, Answers};

pub(crate) fn expand(input: &DeriveInput, answers: &Answers<'_>) -> TokenStream {
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let tables = answers.variants.iter().map(table);
    let descriptions = answers.variants.iter().map(description);
    let arms = answers.variants.iter().map(arm);

    quote! {
        const _: () = {
            #(#tables)*

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
    let Answer {
        ident,
        status,
        slug,
        title,
        description,
        ..
    } = answer;
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

fn description(answer: &Answer<'_>) -> TokenStream {
    let Answer {
        ident,
        status,
        parts,
        ..
    } = answer;
    quote! {
        const { ::contract::__private::assert_bodies(#status, 0 #(+ <#parts as ::contract::Part>::IS_BODY as usize)*) };
        let answer = answers.add(&#ident);
        #(<#parts as ::contract::Part>::describe(answer, schemas, &#ident, true);)*
        let _ = answer;
    }
}

fn arm(answer: &Answer<'_>) -> TokenStream {
    let Answer { ident, parts, .. } = answer;
    let bindings: Vec<_> = (0..parts.len())
        .map(|at| format_ident!("part{at}"))
        .collect();
    let pattern = if parts.is_empty() {
        quote!(Self::#ident)
    } else {
        quote!(Self::#ident(#(#bindings),*))
    };
    quote! {
        #pattern => {
            *response.status_mut() = #ident.status_code();
            #(::contract::Part::write(#bindings, &mut response, &#ident);)*
        }
    }
}
