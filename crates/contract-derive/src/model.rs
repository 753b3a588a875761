//! Reads the enum, and says what it lacks.

use std::collections::BTreeMap;

use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, Fields, Ident, Lit, LitInt, Meta, Result,
    Type,
};

/// The enum's variants.
pub(crate) struct Variants<'a>(pub(crate) Vec<Variant<'a>>);

/// One variant.
pub(crate) enum Variant<'a> {
    /// An answer.
    Answer(Answer<'a>),
    /// The answers of another type.
    Shared(&'a Ident, &'a Type),
}

/// A variant that is an answer.
pub(crate) struct Answer<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) status: u16,
    /// Whether another variant has the same status.
    pub(crate) shares_status: bool,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) fields: Vec<&'a Type>,
}

impl<'a> Variants<'a> {
    pub(crate) fn parse(input: &'a DeriveInput) -> Result<Self> {
        let Data::Enum(data) = &input.data else {
            return Err(Error::new_spanned(
                &input.ident,
                "`Responses` is derived for an enum: one variant an answer",
            ));
        };
        let is_union = is_union(&input.attrs)?;
        let mut variants = Vec::new();
        let mut errors: Option<Error> = None;
        for variant in &data.variants {
            match Variant::parse(variant, is_union) {
                Ok(variant) => variants.push(variant),
                Err(error) => match &mut errors {
                    None => errors = Some(error),
                    Some(first) => first.combine(error),
                },
            }
        }
        match errors {
            Some(errors) => Err(errors),
            None => share_statuses(variants).map(Self),
        }
    }
}

/// Notes which answers have one status. Successes must not: nothing would tell them apart.
fn share_statuses(mut variants: Vec<Variant<'_>>) -> Result<Vec<Variant<'_>>> {
    let mut counts = BTreeMap::new();
    for answer in variants.iter().filter_map(Variant::answer) {
        let (first, count) = counts.entry(answer.status).or_insert((answer.ident, 0));
        *count += 1;
        if *count > 1 && answer.status < 400 {
            let message = format!(
                "`{}` has the status of `{first}`: only problems share a status",
                answer.ident
            );
            return Err(Error::new_spanned(answer.ident, message));
        }
    }
    let shared: Vec<u16> =
        counts.into_iter().filter(|(_, (_, count))| *count > 1).map(|(status, _)| status).collect();
    for variant in &mut variants {
        if let Variant::Answer(answer) = variant {
            answer.shares_status = shared.contains(&answer.status);
        }
    }
    Ok(variants)
}

impl<'a> Variant<'a> {
    fn parse(variant: &'a syn::Variant, is_union: bool) -> Result<Self> {
        if let Some((_, discriminant)) = &variant.discriminant {
            let message = "write the status as `#[answer(404)]` above the variant";
            return Err(Error::new_spanned(discriminant, message));
        }
        match status(variant)? {
            Some(status) => Answer::parse(variant, status).map(Self::Answer),
            None if is_union => match &variant.fields {
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                    Ok(Self::Shared(&variant.ident, &fields.unnamed[0].ty))
                }
                _ => {
                    let message =
                        "a union's variant without a status holds one type that has `Responses`";
                    Err(Error::new_spanned(variant, message))
                }
            },
            None => {
                let message =
                    format!("`{}` needs its status, as in `#[answer(404)]`", variant.ident);
                Err(Error::new_spanned(variant, message))
            }
        }
    }

    pub(crate) fn answer(&self) -> Option<&Answer<'a>> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Shared(..) => None,
        }
    }
}

impl<'a> Answer<'a> {
    fn parse(variant: &'a syn::Variant, status: u16) -> Result<Self> {
        let ident = &variant.ident;
        let description = doc_comment(&variant.attrs);
        if description.is_empty() {
            let message = format!(
                "`{ident}` needs a doc comment: it is the answer's description in the document"
            );
            return Err(Error::new_spanned(variant, message));
        }
        let fields = match &variant.fields {
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) => fields.unnamed.iter().map(|field| &field.ty).collect(),
            Fields::Named(_) => {
                let message = "an answer's fields have no names: write `Variant(Body, Header)`";
                return Err(Error::new_spanned(&variant.fields, message));
            }
        };
        let name = ident.to_string();
        let slug = kebab_case(name.strip_prefix("r#").unwrap_or(&name));
        let title = first_sentence(&description);
        Ok(Self { ident, status, shares_status: false, slug, title, description, fields })
    }
}

/// Reads `#[answer(404)]`.
fn status(variant: &syn::Variant) -> Result<Option<u16>> {
    let mut attrs = variant.attrs.iter().filter(|attr| attr.path().is_ident("answer"));
    let Some(attr) = attrs.next() else { return Ok(None) };
    if let Some(another) = attrs.next() {
        return Err(Error::new_spanned(another, "an answer has one status"));
    }
    let literal: LitInt = attr.parse_args()?;
    let status = literal.base10_parse().unwrap_or_default();
    if (200..600).contains(&status) {
        Ok(Some(status))
    } else {
        Err(Error::new_spanned(literal, "a final status is 200 to 599 (RFC 9110 §15)"))
    }
}

/// Tells whether `#[responses(union)]` stands above the enum.
fn is_union(attrs: &[Attribute]) -> Result<bool> {
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

/// Joins the lines of a doc comment; paragraphs stay apart.
fn doc_comment(attrs: &[Attribute]) -> String {
    let mut text = String::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("doc")) {
        let Meta::NameValue(meta) = &attr.meta else {
            continue;
        };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &meta.value else {
            continue;
        };
        let line = line.value();
        let line = line.trim();
        if line.is_empty() {
            text.push_str("\n\n");
        } else {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text.trim().to_owned()
}

/// Returns the text up to the first full stop that ends a sentence, without it.
fn first_sentence(text: &str) -> String {
    let end = text.find(". ").or_else(|| text.find(".\n")).unwrap_or(text.len());
    text[..end].trim_end_matches('.').to_owned()
}

fn kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(character.to_lowercase());
    }
    kebab
}
