//! A part of a whole, as settings say it.

use std::fmt;
use std::str::FromStr;

/// A part of a whole in percent, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share(u8);

impl Share {
    /// Returns the share as a number from 0 to 1.
    pub(crate) fn get(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Returns so many of `count`, rounded down, but one where it is not 0.
    pub(crate) fn of_at_least_one(self, count: usize) -> usize {
        (count * usize::from(self.0) / 100).max(usize::from(self.0 > 0))
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
        percent.filter(|percent| *percent <= 100).map(Self).ok_or("write a share as 30%")
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_and_rounded() {
        let half: Share = "50%".parse().unwrap();
        assert_eq!((half.get(), half.to_string()), (0.5, "50%".to_owned()));
        assert_eq!([1, 2, 3, 4].map(|count| half.of_at_least_one(count)), [1, 1, 1, 2]);
        assert_eq!("0%".parse::<Share>().unwrap().of_at_least_one(9), 0);
        for text in ["", "50", "101%", "-1%", "x%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
