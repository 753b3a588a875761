//! The life of a service.

/// The phases of a service's life, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are accepted.
    Serving,
    /// Connections are accepted, and every answer ends its connection.
    Draining,
    /// None are accepted; requests in progress are finished.
    Finishing,
    /// What is not finished is cut.
    Cutting,
}
