//! Reads the enum, and says what it lacks.

use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, Fields, Ident, Lit, Meta, Result, Type,
};

/// The enum's answers.
pub(crate) struct Answers<'a> {
    pub(crate) variants: Vec<Answer<'a>>,
}

/// One variant.
pub(crate) struct Answer<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) status: u16,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) parts: Vec<&'a Type>,
}

impl<'a> Answers<'a> {
    pub(crate) fn parse(input: &'a DeriveInput) -> Result<Self> {
        let Data::Enum(data) = &input.data else {
            return Err(Error::new_spanned(
                &input.ident,
                "`Responses` is derived for an enum: one variant an answer",
            ));
        };
        if !has_repr_u16(&input.attrs) {
            let message =
                "write `#[repr(u16)]` above the enum: its discriminants are HTTP statuses";
            return Err(Error::new_spanned(&input.ident, message));
        }
        let mut variants = Vec::new();
        let mut errors: Option<Error> = None;
        for variant in &data.variants {
            match Answer::parse(variant) {
                Ok(answer) => variants.push(answer),
                Err(error) => match &mut errors {
                    None => errors = Some(error),
                    Some(first) => first.combine(error),
                },
            }
        }
        match errors {
            Some(errors) => Err(errors),
            None => Ok(Self { variants }),
        }
    }
}

impl<'a> Answer<'a> {
    fn parse(variant: &'a syn::Variant) -> Result<Self> {
        let ident = &variant.ident;
        let description = doc_comment(&variant.attrs);
        if description.is_empty() {
            let message = format!(
                "`{ident}` needs a doc comment: it is the answer's description in the document"
            );
            return Err(Error::new_spanned(variant, message));
        }
        let parts = match &variant.fields {
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) => fields.unnamed.iter().map(|field| &field.ty).collect(),
            Fields::Named(_) => {
                let message = "an answer's parts have no names: write `Variant(Body, Header)`";
                return Err(Error::new_spanned(&variant.fields, message));
            }
        };
        let name = ident.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        let title = first_sentence(&description);
        Ok(Self {
            ident,
            status: status(variant)?,
            slug: kebab_case(name),
            title,
            description,
            parts,
        })
    }
}

fn status(variant: &syn::Variant) -> Result<u16> {
    let ident = &variant.ident;
    let Some((_, expression)) = &variant.discriminant else {
        let message = format!("`{ident}` needs its status as discriminant, as in `{ident} = 404`");
        return Err(Error::new_spanned(variant, message));
    };
    let Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) = expression else {
        return Err(Error::new_spanned(expression, "write the status as a number"));
    };
    let status: u16 = literal.base10_parse()?;
    if (200..600).contains(&status) {
        Ok(status)
    } else {
        Err(Error::new_spanned(literal, "a final status is 200 to 599 (RFC 9110 §15)"))
    }
}

fn has_repr_u16(attrs: &[Attribute]) -> bool {
    attrs.iter().filter(|attr| attr.path().is_ident("repr")).any(|attr| {
        let mut found = false;
        // What else stands in the attribute is the compiler's to judge.
        let _ = attr.parse_nested_meta(|meta| {
            found |= meta.path.is_ident("u16");
            Ok(())
        });
        found
    })
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
