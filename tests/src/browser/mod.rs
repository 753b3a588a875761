//! A real browser: Chromium without a window, driven over the DevTools protocol.

mod page;
mod process;
mod protocol;

pub use self::page::Page;
pub use self::process::Browser;
