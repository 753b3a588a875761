//! The page of problems: the replicas', with the gateway's own added.

use std::fmt::Write as _;

use contract::Variant;

/// Adds the problems that the page does not explain yet. A page of another form stays as it is.
pub(super) fn add(page: &str, problems: &[&'static Variant]) -> String {
    let Some(end) = page.rfind("</body>") else { return page.to_owned() };
    let mut added = String::new();
    for problem in problems {
        let slug = problem.slug;
        if page.contains(&format!("id=\"{slug}\"")) {
            continue;
        }
        let (status, description) = (problem.status, html(problem.description));
        let _ = write!(
            added,
            "<section id=\"{slug}\">\n<h2><a href=\"#{slug}\">{slug}</a> <small>{status}</small></h2>\n<p>{description}</p>\n</section>\n"
        );
    }
    format!("{}{added}{}", &page[..end], &page[end..])
}

/// Writes the Markdown of doc comments, of which only `code` is in use, as HTML.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::super::own::OwnAnswers;
    use super::*;

    #[test]
    fn what_is_missing_is_added_once() {
        let own = OwnAnswers::new(true, true);
        let page = add("<body><section id=\"incomplete-body\"></section></body>", &own.problems);
        assert_eq!(page.matches("id=\"incomplete-body\"").count(), 1);
        assert_eq!(page.matches("id=\"no-replica\"").count(), 1);
        assert_eq!(add(&page, &own.problems), page);
        assert_eq!(add("no page", &own.problems), "no page");
    }
}
