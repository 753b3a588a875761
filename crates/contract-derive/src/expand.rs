//! Writes the impls.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, Ident, Type};

use crate::model::{Answer, Variant, Variants};

pub(crate) fn expand(input: &DeriveInput, Variants(variants): &Variants<'_>) -> TokenStream {
    let name = &input.ident;
    let is_generic = !input.generics.params.is_empty();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let answers = || variants.iter().filter_map(Variant::answer);
    let tables = answers().map(table);
    // The fields of a generic enum are known where it is used, so it is checked there.
    let checks = answers().filter(|_| !is_generic).map(check);
    let descriptions = variants.iter().map(|variant| match variant {
        Variant::Answer(answer) => description(answer, is_generic),
        Variant::Shared(_, shared) => {
            quote!(<#shared as ::contract::Responses>::describe(answers, schemas);)
        }
    });
    let arms = variants.iter().map(|variant| match variant {
        Variant::Answer(answer) => arm(answer),
        Variant::Shared(ident, _) => {
            quote!(Self::#ident(shared) => ::contract::Responses::into_parts(shared),)
        }
    });
    let conversions = variants.iter().filter_map(|variant| match variant {
        Variant::Answer(_) => None,
        Variant::Shared(ident, shared) => Some(conversion(input, ident, shared)),
    });

    quote! {
        const _: () = {
            #(#tables)*
            #(#checks)*

            #[automatically_derived]
            impl #impl_generics ::contract::Responses for #name #type_generics #where_clause {
                fn describe(answers: &mut ::contract::Answers, schemas: &mut ::contract::Schemas) {
                    #(#descriptions)*
                }

                fn into_parts(self) -> ::contract::AnswerParts {
                    match self {
                        #(#arms)*
                    }
                }
            }

            #[automatically_derived]
            impl #impl_generics ::contract::__private::IntoResponse for #name #type_generics #where_clause {
                fn into_response(self) -> ::contract::Response {
                    ::contract::Responses::into_parts(self).into_response()
                }
            }

            #(#conversions)*
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

/// Stops the build where an answer has a body that it must not have, or two, and where it has the
/// status of another answer and is no problem.
fn check(answer: &Answer<'_>) -> TokenStream {
    let assertion = assertion(answer);
    quote!(const _: () = #assertion;)
}

fn assertion(answer: &Answer<'_>) -> TokenStream {
    let Answer { status, fields, shares_status, .. } = answer;
    let bodies = quote!(0 #(+ <#fields as ::contract::Part>::IS_BODY as usize)*);
    let is_problem = quote!(false #(|| <#fields as ::contract::Part>::IS_PROBLEM)*);
    quote!(::contract::__private::assert_answer(#status, #bodies, !#shares_status || #is_problem))
}

fn description(answer: &Answer<'_>, is_generic: bool) -> TokenStream {
    let Answer { ident, fields, .. } = answer;
    let assertion = is_generic.then(|| assertion(answer));
    let assertion = assertion.map(|assertion| quote!(const { #assertion };));
    quote! {
        #assertion
        let answer = answers.add(&#ident);
        #(<#fields as ::contract::Part>::describe(answer, schemas, &#ident, true);)*
        let _ = answer;
    }
}

fn arm(answer: &Answer<'_>) -> TokenStream {
    let Answer { ident, fields, .. } = answer;
    let bindings: Vec<_> = (0..fields.len()).map(|at| format_ident!("field{at}")).collect();
    let pattern =
        if fields.is_empty() { quote!(Self::#ident) } else { quote!(Self::#ident(#(#bindings),*)) };
    quote! {
        #pattern => {
            #[allow(unused_mut)]
            let mut parts = ::contract::AnswerParts::new(&#ident);
            #(::contract::Part::write(#bindings, &mut parts, &#ident);)*
            parts
        }
    }
}

fn conversion(input: &DeriveInput, ident: &Ident, shared: &Type) -> TokenStream {
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::convert::From<#shared> for #name #type_generics #where_clause {
            fn from(shared: #shared) -> Self {
                Self::#ident(shared)
            }
        }
    }
}
