//! A page in the browser.

use std::time::Duration;

use serde_json::{Value, json};

use super::protocol::Protocol;
use crate::poll::eventually;

/// Longest wait for something to appear; scripts of some megabytes are compiled first.
const APPEARANCE_TIME_MAX: Duration = Duration::from_secs(60);

/// A page. It keeps in mind what it requested and what went wrong.
#[derive(Debug)]
pub struct Page {
    protocol: Protocol,
    session: String,
}

impl Page {
    pub(super) async fn open(protocol: Protocol, session: String, url: &str) -> Self {
        let mut page = Self { protocol, session };
        for domain in ["Page.enable", "Network.enable", "Runtime.enable", "Log.enable"] {
            page.call(domain, json!({})).await;
        }
        // Fields notice when they are left, as in a window that has the focus.
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        // Workers make requests too.
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true });
        page.call("Target.setAutoAttach", attach).await;
        let navigated = page.call("Page.navigate", json!({ "url": url })).await;
        assert_eq!(navigated.get("errorText"), None, "{url} cannot be opened");
        page.until("document.readyState === 'complete' && location.href !== 'about:blank'").await;
        page
    }

    /// Evaluates a JavaScript expression, and returns its value.
    ///
    /// # Panics
    /// If it throws.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let mut result = self.call("Runtime.evaluate", parameters).await;
        let thrown = result.get("exceptionDetails");
        assert!(thrown.is_none(), "{expression} throws: {thrown:?}");
        result["result"]["value"].take()
    }

    /// Waits until an expression is true.
    ///
    /// # Panics
    /// If it does not become true in time; the message has the page's text.
    pub async fn until(&mut self, expression: &str) {
        let what = format!("`{expression}` in the page");
        let looking = async {
            eventually(&what, APPEARANCE_TIME_MAX * 2, async || {
                (self.evaluate(expression).await == true).then_some(())
            })
            .await;
        };
        if tokio::time::timeout(APPEARANCE_TIME_MAX, looking).await.is_err() {
            let text = self.evaluate("document.body.innerText").await;
            panic!("waited for {what}, in vain. The page says: {text}\n{:#?}", self.errors());
        }
    }

    /// Clicks on the first element that a CSS selector finds, once it is there.
    pub async fn click(&mut self, selector: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.until(&format!("{found} !== null")).await;
        self.evaluate(&format!("{found}.click()")).await;
    }

    /// Types a text into the first field that a CSS selector finds, in place of what is there, and
    /// leaves the field.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.until(&format!("{found} !== null")).await;
        self.evaluate(&format!("{found}.focus(), {found}.select()")).await;
        self.call("Input.insertText", json!({ "text": text })).await;
        self.until(&format!("{found}.value === {}", json!(text))).await;
        // Swagger UI takes a text over when the field is left, or after a pause.
        self.evaluate(&format!("{found}.blur()")).await;
    }

    /// Returns the URL of every request that the page and its workers made.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let events = self.protocol.events().iter();
        let urls = events.filter_map(|event| match event["method"].as_str()? {
            "Network.requestWillBeSent" => event["params"]["request"]["url"].as_str(),
            "Network.webSocketCreated" => event["params"]["url"].as_str(),
            _ => None,
        });
        urls.map(str::to_owned).collect()
    }

    /// Returns what the browser's console shows as errors, and every exception.
    #[must_use]
    pub fn errors(&self) -> Vec<Value> {
        let events = self.protocol.events().iter();
        let errors = events.filter(|event| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        });
        errors.map(|event| event["params"].clone()).collect()
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.protocol.call(Some(&self.session), method, parameters).await
    }
}
