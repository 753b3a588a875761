//! Enums that unite other answers.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Result};

/// Tells whether `#[responses(union)]` stands above the enum.
pub(crate) fn is_union(attrs: &[Attribute]) -> Result<bool> {
    let mut found = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("responses")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("union") {
                found = true;
                Ok(())
            } else {
                Err(meta.error("the only option is `union`"))
            }
        })?;
    }
    Ok(found)
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "`Responses` is derived for an enum"));
    };
    let mut variants = Vec::new();
    for variant in &data.variants {
        match &variant.fields {
            Fields::Unnamed(fields)
                if fields.unnamed.len() == 1 && variant.discriminant.is_none() =>
            {
                variants.push((&variant.ident, &fields.unnamed[0].ty));
            }
            _ => {
                let message =
                    "a union's variant holds one type that has `Responses`, and no status";
                return Err(Error::new_spanned(variant, message));
            }
        }
    }
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let idents: Vec<_> = variants.iter().map(|(ident, _)| ident).collect();
    let types: Vec<_> = variants.iter().map(|(_, ty)| ty).collect();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::contract::Responses for #name #type_generics #where_clause {
            fn describe(answers: &mut ::contract::Answers, schemas: &mut ::contract::Schemas) {
                #(<#types as ::contract::Responses>::describe(answers, schemas);)*
            }
        }

        #[automatically_derived]
        impl #impl_generics ::contract::__private::IntoResponse for #name #type_generics #where_clause {
            fn into_response(self) -> ::contract::Response {
                match self {
                    #(Self::#idents(answer) => ::contract::__private::IntoResponse::into_response(answer),)*
                }
            }
        }

        #(
            #[automatically_derived]
            impl #impl_generics ::core::convert::From<#types> for #name #type_generics #where_clause {
                fn from(answer: #types) -> Self {
                    Self::#idents(answer)
                }
            }
        )*
    })
}
