//! The page of problems: the replicas', with the gateway's own added.

use contract::Variant;

/// Adds the problems that the page does not explain yet. A page of another form stays as it is.
pub(super) fn add(page: &str, problems: &[&'static Variant]) -> String {
    let Some(end) = page.rfind("</body>") else { return page.to_owned() };
    let is_missing = |problem: &&&Variant| !page.contains(&format!("id=\"{}\"", problem.slug));
    let added: String =
        problems.iter().filter(is_missing).map(|problem| problem.section()).collect();
    format!("{}{added}{}", &page[..end], &page[end..])
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
